"""One window for a data folder: a second start wakes the first over a local socket.

Who is first is decided by a lock of the kernel's (`app.py`), so that a crash frees it; a socket that a crash left
behind belongs to nobody then, and the next first removes it.
"""

from __future__ import annotations

import getpass
import hashlib
import logging
import os
import sys
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QObject, QThread, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

log = logging.getLogger(__name__)

_MESSAGE = b"activate\n"


def socket_name(data_dir: Path) -> str:
    """A short name of the user and the data folder (a socket's path may have about 100 characters)."""
    user = str(os.getuid()) if sys.platform != "win32" else getpass.getuser()  # a uid need not have a name
    identity = f"{user}:{data_dir.resolve()}"
    return f"autoglm-desktop-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def wake_first(data_dir: Path, *, patience_ms: int = 3000) -> bool:
    """Ask the first window to come forward; False when none answered in time. Called by the second start."""
    timer = QElapsedTimer()
    timer.start()
    while timer.elapsed() < patience_ms:
        socket = QLocalSocket()
        socket.connectToServer(socket_name(data_dir))
        if socket.waitForConnected(200):
            socket.write(_MESSAGE)
            heard = socket.waitForBytesWritten(500) and socket.waitForReadyRead(1000)
            socket.abort()
            return heard
        QThread.msleep(50)
    return False


class Listener(QObject):
    """The first window's ear: `woken` when another start asks it to come forward."""

    woken = Signal()

    def __init__(self, data_dir: Path) -> None:
        super().__init__()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)
        name = socket_name(data_dir)
        QLocalServer.removeServer(name)  # we hold the lock: whoever made it is gone
        if not self._server.listen(name):
            log.warning("a second start cannot wake this window: %s", self._server.errorString())

    def close(self) -> None:
        self._server.close()

    def _answer(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda socket=socket: self._heard(socket))
            socket.disconnected.connect(socket.deleteLater)

    def _heard(self, socket: QLocalSocket) -> None:
        if bytes(socket.readAll().data()).startswith(_MESSAGE.strip()):
            socket.write(b"ok\n")
            socket.flush()
            self.woken.emit()
