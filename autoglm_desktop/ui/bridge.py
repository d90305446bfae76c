"""From any thread to the GUI thread: a lock, a deque and one wake signal, drained within a time budget.

A signal for each token would flood Qt's event queue; here thousands of events cost a handful of drains, and between
two drains the window paints and takes input.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal

DRAIN_BUDGET_S = 0.008


class Bridge(QObject):
    """Hands posted events to `handler` on the thread that made the bridge, in order."""

    drained = Signal(int)
    """After each drain, with the number of events it handled."""
    _woken = Signal()

    def __init__(
        self,
        handler: Callable[[object], None],
        *,
        budget_s: float = DRAIN_BUDGET_S,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._handler = handler
        self._budget_s = budget_s
        self._lock = threading.Lock()
        self._events: deque[object] = deque()
        self._awake = False
        self._closed = False
        self._woken.connect(self._drain, Qt.ConnectionType.QueuedConnection)

    def post(self, event: object) -> None:
        """Queue an event. Called from any thread; after `close` events are dropped."""
        with self._lock:
            if self._closed:
                return
            self._events.append(event)
            wake, self._awake = not self._awake, True
            if wake:
                self._woken.emit()

    @property
    def idle(self) -> bool:
        """Whether everything that was posted has been handled. Called from any thread."""
        with self._lock:
            return not self._events and not self._awake

    def close(self) -> None:
        """Drop what is queued and everything that still comes. Called on the GUI thread."""
        with self._lock:
            self._closed = True
            self._events.clear()

    def _drain(self) -> None:
        deadline = time.monotonic() + self._budget_s
        handled = 0
        try:
            while (event := self._next()) is not None:
                handled += 1
                self._handler(event)
                if time.monotonic() >= deadline:
                    break
        finally:
            self._rest_or_go_on()
            self.drained.emit(handled)

    def _next(self) -> object | None:
        with self._lock:
            return self._events.popleft() if self._events else None

    def _rest_or_go_on(self) -> None:
        """Go on by a timer, not by another signal: timers let paint and input events pass first."""
        with self._lock:
            self._awake = bool(self._events)
        if self._awake:
            QTimer.singleShot(0, self, self._drain)
