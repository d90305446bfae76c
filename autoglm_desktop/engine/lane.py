"""One worker thread that owns a stateful thing: other threads post calls to it, it runs them one after the other."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
Call = Callable[[], None]


class Lane:
    """Sleeps until there is a call or the time that `wake_at` names: nothing is polled.

    `wake_at` gives a time of `time.monotonic` or None, `wake` is called when it has come; both on the worker thread.
    """

    def __init__(self, name: str, wake_at: Callable[[], float | None], wake: Call) -> None:
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._wake_at = wake_at
        self._wake = wake
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, call: Call) -> bool:
        """Queue a call, from any thread; False when the lane is closed and it will not run."""
        with self._lock:
            if self._open:
                self._calls.put(call)
            return self._open

    def close(self, last: Call) -> None:
        """Run what is queued and then `last`; nothing is accepted any more. Does not wait. Idempotent."""
        with self._lock:
            if self._open:
                self._open = False
                self._calls.put(last)
                self._calls.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when it did not come in time. On the lane itself there is nothing to wait for."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                call = self._calls.get(timeout=self._seconds_left())
            except queue.Empty:
                call = self._wake
            if call is None:
                return
            try:
                call()
            except Exception:  # noqa: BLE001 - the lane outlives a failed call
                _LOG.exception("a call on the lane %s failed", threading.current_thread().name)

    def _seconds_left(self) -> float | None:
        at = self._wake_at()
        return None if at is None else max(0.0, min(at - time.monotonic(), threading.TIMEOUT_MAX))
