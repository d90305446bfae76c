"""The engine's latest state, and who watches it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.ports import StatusSink

_LOG = logging.getLogger(__name__)
Event = TypeVar("Event")


class StatusBoard:
    """Read and watched from any thread; changed by the engine's worker alone."""

    def __init__(self) -> None:
        self._status = EngineStatus(EngineState.STOPPED)
        self._sinks: dict[object, StatusSink] = {}
        self._lock = threading.Lock()

    @property
    def status(self) -> EngineStatus:
        return self._status

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        """Call `sink` with every change; returns a function that ends the watch."""
        key = object()
        with self._lock:
            self._sinks[key] = sink

        def end() -> None:
            with self._lock:
                self._sinks.pop(key, None)

        return end

    def post(self, status: EngineStatus) -> None:
        """Called on the worker thread."""
        self._status = status
        with self._lock:
            sinks = tuple(self._sinks.values())
        for sink in sinks:
            guarded(sink, status)


def guarded(sink: Callable[[Event], None], event: Event) -> None:
    """Call a sink that must not raise; if it does, the worker survives and the log tells."""
    try:
        sink(event)
    except Exception:  # noqa: BLE001 - whatever a listener does, the worker goes on
        _LOG.exception("a listener of the engine failed")
