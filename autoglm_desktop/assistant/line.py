"""The one line before the engine: what was given to it and has not ended, whoever gave it, in its order."""

from __future__ import annotations

import threading
from collections.abc import Callable

from autoglm_desktop.core.events import Failed, Finished, PerceptionEvent, TurnEvent
from autoglm_desktop.core.messages import TurnRequest
from autoglm_desktop.core.perception import ImageRead, LookRequest, Transcribed, TranscribeRequest
from autoglm_desktop.core.ports import Engine, PerceptionSink, TurnSink


class Line:
    """Turns, looks and recordings go to the engine through here. Callable from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._entering = threading.RLock()
        """Held from a place in the line to the engine's own queue, so that both have one order."""
        self._lock = threading.Lock()
        self._inside: dict[str, None] = {}
        self._moved: Callable[[], None] = lambda: None

    def on_moved(self, moved: Callable[[], None]) -> None:
        """Call `moved` whenever something left the line, from any thread."""
        self._moved = moved

    def ahead(self, turn_id: str) -> int:
        """How much comes before it; 0 when it is not in the line."""
        with self._lock:
            return list(self._inside).index(turn_id) if turn_id in self._inside else 0

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        """`Engine.submit`."""

        def take(event: TurnEvent) -> None:
            self._passing(request.turn_id, event, lambda: sink(event))

        self._enter(request.turn_id, lambda: self._engine.submit(request, take))

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        """`Engine.perceive`."""

        def take(event: PerceptionEvent) -> None:
            self._passing(request.turn_id, event, lambda: sink(event))

        self._enter(request.turn_id, lambda: self._engine.perceive(request, take))

    def _enter(self, turn_id: str, give: Callable[[], None]) -> None:
        with self._entering:
            with self._lock:
                self._inside[turn_id] = None
            try:
                give()
            except BaseException:
                self._leave(turn_id)
                raise

    def _passing(self, turn_id: str, event: TurnEvent | PerceptionEvent, tell: Callable[[], None]) -> None:
        """Pass an event on; with the last one it is out of the line before, and the others are told after."""
        if not isinstance(event, Finished | Failed | ImageRead | Transcribed):
            tell()
            return
        self._leave(turn_id)
        tell()
        self._moved()

    def _leave(self, turn_id: str) -> None:
        with self._lock:
            self._inside.pop(turn_id, None)
