"""The engine as the application sees it: a worker thread here, the model in a child process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

from autoglm_desktop.core.events import EngineStatus
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import LookRequest, Modality, TranscribeRequest
from autoglm_desktop.core.ports import PerceptionSink, StatusSink, TurnSink
from autoglm_desktop.core.precision import Tier

from . import reports
from .dispatcher import Dispatcher, EngineOptions
from .lane import Lane
from .status import StatusBoard, guarded

__all__ = ["EngineClient", "EngineOptions"]

_LOG = logging.getLogger(__name__)
_CLOSE_S = 5.0


class EngineClient:
    """`core.ports.Engine` over a child process, which is started when there is something to do and ended when idle.

    Making one starts a thread and nothing else. Every method returns at once and may be called from any thread.
    """

    def __init__(self, options: EngineOptions, *, command: Sequence[str] | None = None) -> None:
        """`command` replaces the start of the child's command line (tests bring a child without a model)."""
        command = command or [sys.executable, "-P", "-m", "autoglm_desktop.engine.process"]
        self._board = StatusBoard()
        self._dispatcher = Dispatcher(options, tuple(command), self._board, self._post)
        self._lane = Lane("engine", self._dispatcher.wake_at, self._dispatcher.wake)

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        if not self._lane.post(partial(self._dispatcher.submit, request, sink)):
            guarded(sink, reports.closed(request.turn_id))

    def cancel(self, turn_id: str) -> None:
        self._post(partial(self._dispatcher.cancel, turn_id))

    def set_tier(self, tier: Tier) -> None:
        self._post(partial(self._dispatcher.set_tier, tier))

    def preload(self, model: ModelRef, tier: Tier) -> None:
        self._post(partial(self._dispatcher.preload, model, tier))

    def unload(self) -> None:
        self._post(self._dispatcher.unload)

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        if not self._lane.post(partial(self._dispatcher.perceive, request, sink)):
            guarded(sink, reports.closed(request.turn_id))

    def load_modality(self, modality: Modality, model_folder: str | None = None) -> None:
        self._post(partial(self._dispatcher.load_modality, modality, model_folder))

    def unload_modality(self, modality: Modality) -> None:
        self._post(partial(self._dispatcher.unload_modality, modality))

    def forget_sessions(self) -> None:
        self._post(self._dispatcher.forget_sessions)

    def configure(self, options: EngineOptions) -> None:
        """Use other options: the idle time from now on, the rest from the next start of the process."""
        self._post(partial(self._dispatcher.configure, options))

    def status(self) -> EngineStatus:
        return self._board.status

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        return self._board.watch(sink)

    def close(self) -> None:
        self._lane.close(self._dispatcher.close)
        if not self._lane.join(_CLOSE_S):
            _LOG.warning("the engine's worker hangs; its process is killed")
            self._dispatcher.kill()
            self._lane.join(_CLOSE_S)

    def _post(self, call: Callable[[], None]) -> None:
        self._lane.post(call)
