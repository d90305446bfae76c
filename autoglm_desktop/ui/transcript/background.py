"""Slow pieces of pure Python off the GUI thread: one worker, that lives only while there is work.

Results are polled for on the GUI thread, also only while something is awaited: nothing has to be torn down when a
window closes, and no signal crosses threads.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer

_POLL_MS = 20

Work = Callable[[], Any]
Then = Callable[[Any], None]


class Background(QObject):
    """Runs callables one after the other on a worker thread; GUI thread only."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._todo: deque[tuple[Work, Then]] = deque()
        self._done: queue.SimpleQueue[tuple[Then, Any]] = queue.SimpleQueue()
        self._working = False
        self._awaited = 0
        self._poll = QTimer(self)
        self._poll.setInterval(_POLL_MS)
        self._poll.timeout.connect(self._deliver)

    @property
    def awaited(self) -> int:
        """How many results are still to come."""
        return self._awaited

    def run(self, work: Work, then: Then) -> None:
        """Call `work` (which must not raise) on the worker thread and `then` with its result on the GUI thread."""
        self._awaited += 1
        self._poll.start()
        with self._lock:
            self._todo.append((work, then))
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, name="transcript-background", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    self._working = False
                    return
                work, then = self._todo.popleft()
            self._done.put((then, work()))

    def _deliver(self) -> None:
        while not self._done.empty():
            then, result = self._done.get()
            self._awaited -= 1
            if not self._awaited:
                self._poll.stop()
            then(result)
