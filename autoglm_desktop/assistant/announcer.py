"""Telling listeners what happened: in one order, from any thread, with no lock held while they run."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from .events import AssistantEvent, Listener

log = logging.getLogger(__name__)


class Announcer:
    """Delivers events one at a time, in the order of the calls of `tell`.

    A call that comes while another thread delivers leaves its event to that thread, so a listener may call whatever
    it likes without a deadlock, itself included.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[AssistantEvent] = deque()
        self._listeners: tuple[Listener, ...] = ()
        self._delivering = False

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of everything from now on; returns the function that ends it."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    def tell(self, *events: AssistantEvent) -> None:
        """Called from any thread."""
        with self._lock:
            self._waiting.extend(events)
            if self._delivering:
                return
            self._delivering = True
        try:
            while (event := self._next()) is not None:
                for listener in self._listeners:
                    _deliver(listener, event)
        except BaseException:  # Ctrl-C: the next call goes on with what is left
            with self._lock:
                self._delivering = False
            raise

    def _next(self) -> AssistantEvent | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._delivering = False
            return None


def _deliver(listener: Listener, event: AssistantEvent) -> None:
    try:
        listener(event)
    except Exception:  # a listener's fault must not cost the answer, nor the other listeners
        log.exception("a listener failed on %s", type(event).__name__)
