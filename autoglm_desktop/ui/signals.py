"""Signals of the operating system inside Qt's loop, without polling.

Python runs its signal handlers between byte codes, and Qt's loop runs none while it waits; `signal.set_wakeup_fd`
writes a byte for each signal, and Qt watches the other end.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier


class SignalWatch(QObject):
    """Calls `handler` on the GUI thread for every signal that has a Python handler. Made on the main thread."""

    def __init__(self, handler: Callable[[], object]) -> None:
        super().__init__()
        self._handler = handler
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)

    def close(self) -> None:
        """Give the wake-up descriptor back."""
        signal.set_wakeup_fd(self._before)
        self._notifier.setEnabled(False)
        self._ours.close()
        self._theirs.close()

    def _woken(self) -> None:
        self._ours.recv(4096)
        self._handler()
