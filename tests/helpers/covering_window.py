"""A white window of another program, which takes the middle of the screen; writes its id to stdout.

``python -m tests.helpers.covering_window NAME [above]``: NAME becomes the window's class; `above` lies over everything,
without a window manager's leave.
"""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget


def main(name: str, *, above: bool) -> int:
    application = QApplication([name])
    window = QWidget()
    window.setStyleSheet("background: white")
    if above:
        window.setWindowFlags(Qt.WindowType.X11BypassWindowManagerHint | Qt.WindowType.WindowStaysOnTopHint)
    window.setGeometry(300, 200, 800, 500)
    window.show()
    sys.stdout.write(f"{int(window.winId())}\n")
    sys.stdout.flush()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], above="above" in sys.argv[2:]))
