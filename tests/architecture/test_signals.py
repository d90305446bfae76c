"""Qt's signals survive thousands of emissions: PySide6 6.12.0 dropped a reference to True at each one and aborted."""

from __future__ import annotations

import subprocess
import sys

EMISSIONS = 5000
SCRIPT = f"""
from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal

class Sender(QObject):
    told = Signal(bool, object)

application = QCoreApplication([])
sender = Sender()
direct, queued = [], []
sender.told.connect(lambda flag, _: direct.append(flag))
sender.told.connect(lambda flag, _: queued.append(flag), Qt.ConnectionType.QueuedConnection)
for number in range({EMISSIONS}):
    sender.told.emit(True, number)
while len(queued) < {EMISSIONS}:
    application.processEvents()
print(direct.count(True), queued.count(True))
"""


def test_five_thousand_emissions() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(EMISSIONS)] * 2
