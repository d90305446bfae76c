"""An engine without a model: it plays a script behind the same port, on its own worker thread.

Shipped, because what drives an engine should be testable, and demonstrable, without weights. Everything that it tells
is true of the script: tokens are its pieces, times are measured, the reused prefix is the one of the last prompt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TierSwitched,
    TurnEvent,
    Usage,
)
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import LookRequest, Modality, TranscribeRequest
from autoglm_desktop.core.ports import PerceptionSink, StatusSink, TurnSink
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.stops import StopScanner

from . import reports
from .lane import Lane
from .prefix import common_prefix
from .script import Hold, Reply, Script, Senses, pieces
from .scripted_senses import SensesPlayer
from .status import StatusBoard, guarded

__all__ = ["Hold", "Reply", "Script", "ScriptedEngine", "Senses"]

CONTEXT_TOKENS = 32_768
_CLOSE_S = 5.0


@dataclass(slots=True)
class _Counts:
    prompt: int = 0
    cached: int = 0
    reasoning: int = 0
    answer: int = 0
    load_s: float = 0.0
    began_s: float = field(default_factory=time.perf_counter)
    first_s: float = 0.0

    def held(self) -> int:
        """Tokens that a KV cache would hold."""
        return self.prompt + self.reasoning + self.answer


class ScriptedEngine:
    """`core.ports.Engine` that plays `script`: replies in order, the last one again and again, or a function."""

    def __init__(self, script: Script, *, memory: Memory | None = None, senses: Senses | None = None) -> None:
        self.requests: list[TurnRequest] = []
        """What was asked, in order."""
        self.perceptions: list[LookRequest | TranscribeRequest] = []
        """What was to be read or heard, in order."""
        self._senses = SensesPlayer(senses or Senses())
        self._script = script
        self._memory = memory or Memory(0, 0, 0)
        self._board = StatusBoard()
        self._loaded: tuple[str, Tier] | None = None
        self._wanted_tier: Tier | None = None
        self._waiting: dict[str, Tier] = {}
        self._waiting_lock = threading.Lock()
        self._cancelled: set[str] = set()
        self._closing = False
        self._holding: Hold | None = None
        self._last_prompt: list[str] = []
        self._lane = Lane("scripted-engine", lambda: None, lambda: None)

    # -- the port

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        with self._waiting_lock:
            self._waiting[request.turn_id] = request.tier
        if not self._lane.post(partial(self._answer, request, sink)):
            guarded(sink, reports.closed(request.turn_id))

    def cancel(self, turn_id: str) -> None:
        self._cancelled.add(turn_id)
        self._look()

    def set_tier(self, tier: Tier) -> None:
        with self._waiting_lock:
            self._waiting = dict.fromkeys(self._waiting, tier)
        self._wanted_tier = tier
        self._look()
        self._lane.post(self._switch_idle)

    def preload(self, model: ModelRef, tier: Tier) -> None:
        self._lane.post(partial(self._preload, model, tier))

    def unload(self) -> None:
        self._lane.post(self._unload)

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        if not self._lane.post(partial(self._perceive, request, sink)):
            guarded(sink, reports.closed(request.turn_id))

    def load_modality(self, modality: Modality, model_folder: str | None = None) -> None:  # noqa: ARG002 - the port's
        self._lane.post(partial(self._load_modality, modality))

    def unload_modality(self, modality: Modality) -> None:
        self._lane.post(partial(self._unload_modality, modality))

    def forget_sessions(self) -> None:
        self._lane.post(self._forget)

    def status(self) -> EngineStatus:
        return self._board.status

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        return self._board.watch(sink)

    def close(self) -> None:
        self._closing = True
        self._look()
        self._lane.close(self._unload)
        self._lane.join(_CLOSE_S)

    # -- on the worker thread

    def _answer(self, request: TurnRequest, sink: TurnSink) -> None:
        emit = partial(guarded, sink)
        with self._waiting_lock:
            request = replace(request, tier=self._waiting.pop(request.turn_id, request.tier))
        self.requests.append(request)
        reply = self._next_reply(request)
        last = self._play(request, reply, emit)
        self._cancelled.discard(request.turn_id)
        self._tell(EngineState.READY if self._loaded else EngineState.STOPPED, error=reply.load_error)
        emit(last)

    def _perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        self.perceptions.append(request)
        self._holding = self._senses.hold
        last = self._senses.play(request, partial(guarded, sink), lambda: self._ended(request.turn_id))
        self._holding = None
        self._cancelled.discard(request.turn_id)
        self._tell(EngineState.READY)
        guarded(sink, reports.closed(request.turn_id) if self._closing else last)

    def _load_modality(self, modality: Modality) -> None:
        error = self._senses.load(modality, lambda _fraction: None)
        self._tell(EngineState.READY, error=error)

    def _unload_modality(self, modality: Modality) -> None:
        self._senses.unload(modality)
        self._tell(EngineState.READY if self._loaded or self._senses.any_loaded else EngineState.STOPPED)

    def _next_reply(self, request: TurnRequest) -> Reply:
        if callable(self._script):
            return self._script(request)
        return self._script[min(len(self.requests), len(self._script)) - 1]

    def _play(self, request: TurnRequest, reply: Reply, emit: Callable[[TurnEvent], None]) -> Finished | Failed:
        if self._over(request):
            return self._cut(request)
        if reply.load_error is not None:
            self._loaded = None
            return Failed(request.turn_id, reply.load_error)
        counts = _Counts()
        counts.load_s = self._load(
            request.model,
            request.tier,
            reply.load_steps,
            lambda phase, fraction: emit(PhaseChanged(request.turn_id, phase, fraction)),
        )
        self._tell(EngineState.BUSY)
        self._read_prompt(request, counts, emit)
        reason = self._reason(request, reply, counts, emit) or self._speak(request, reply, counts, emit)
        if self._closing:
            return reports.closed(request.turn_id)
        usage = self._usage(request, counts)
        if reply.error is not None and reason is FinishReason.STOP:
            return Failed(request.turn_id, reply.error, usage)
        return Finished(request.turn_id, reason, usage)

    def _cut(self, request: TurnRequest) -> Finished | Failed:
        return reports.closed(request.turn_id) if self._closing else reports.cancelled_before_begin(request)

    def _preload(self, model: ModelRef, tier: Tier) -> None:
        self._load(model, tier, Reply().load_steps, lambda _phase, _fraction: None)

    def _load(
        self, model: ModelRef, tier: Tier, steps: Sequence[float], phase: Callable[[Phase, float | None], None]
    ) -> float:
        """Seconds that it took; 0 for a model that is loaded."""
        began_s = time.perf_counter()
        if self._loaded is None:
            phase(Phase.STARTING, None)
            self._board.post(EngineStatus(EngineState.STARTING))
        was_loaded = self._loaded is not None and self._loaded[0] == model.model_id
        if not was_loaded:
            for fraction in steps:
                self._board.post(EngineStatus(EngineState.LOADING, model.model_id, tier, fraction))
                phase(Phase.LOADING, fraction)
            self._loaded = (model.model_id, tier)
        self._tell(EngineState.READY)
        return 0.0 if was_loaded else time.perf_counter() - began_s

    def _read_prompt(self, request: TurnRequest, counts: _Counts, emit: Callable[[TurnEvent], None]) -> None:
        prompt = [piece for message in request.messages for piece in (message.role.value, *pieces(message.text))]
        counts.prompt = len(prompt)
        counts.cached = max(0, min(common_prefix(self._last_prompt, prompt), len(prompt) - 1))
        self._last_prompt = prompt
        self._wanted_tier = self._wanted_tier or request.tier
        self._switch(request, counts.cached, emit)
        counts.began_s = time.perf_counter()
        for fraction in (0.0, 1.0):
            emit(PhaseChanged(request.turn_id, Phase.PREFILL, fraction))

    def _reason(
        self, request: TurnRequest, reply: Reply, counts: _Counts, emit: Callable[[TurnEvent], None]
    ) -> FinishReason | None:
        if not (request.think and reply.reasoning):
            return None
        emit(PhaseChanged(request.turn_id, Phase.THINKING))
        for piece in pieces(reply.reasoning)[: request.thinking_budget_tokens]:
            if self._over(request):
                return FinishReason.CANCELLED
            counts.reasoning += 1
            counts.first_s = counts.first_s or time.perf_counter()
            emit(ReasoningDelta(request.turn_id, piece))
        return None

    def _speak(
        self, request: TurnRequest, reply: Reply, counts: _Counts, emit: Callable[[TurnEvent], None]
    ) -> FinishReason:
        emit(PhaseChanged(request.turn_id, Phase.GENERATING))
        stops = StopScanner(request.stop)
        for piece in pieces(reply.text):
            if request.max_tokens is not None and counts.answer >= request.max_tokens:
                return FinishReason.LENGTH
            if reply.error is not None and counts.answer == reply.error_after:
                return FinishReason.STOP
            self._stand_at(reply, counts, request, emit)
            if self._over(request):
                return FinishReason.CANCELLED
            self._switch(request, counts.held(), emit)
            counts.answer += 1
            counts.first_s = counts.first_s or time.perf_counter()
            _emit_text(request, stops.feed(piece), emit)
            if stops.stopped:
                return FinishReason.STOP
        _emit_text(request, stops.finish(), emit)
        self._stand_at(reply, counts, request, emit)
        return FinishReason.CANCELLED if self._over(request) else FinishReason.STOP

    def _stand_at(self, reply: Reply, counts: _Counts, request: TurnRequest, emit: Callable[[TurnEvent], None]) -> None:
        """Wait where the script says so; a tier can change meanwhile."""
        if reply.hold is None or counts.answer != reply.hold_after:
            return
        self._holding = reply.hold
        while not reply.hold.wait(lambda: self._over(request), lambda: self._wanted_tier is not None):
            self._switch(request, counts.held(), emit)
        self._holding = None

    def _switch(self, request: TurnRequest, kept: int, emit: Callable[[TurnEvent], None]) -> None:
        new, self._wanted_tier = self._wanted_tier, None
        old = self._loaded[1] if self._loaded else request.tier
        if new is None or new is old:
            return
        began_s = time.perf_counter()
        self._loaded = (request.model.model_id, new)
        self._tell(EngineState.BUSY)
        emit(TierSwitched(request.turn_id, old, new, time.perf_counter() - began_s, kept))

    def _switch_idle(self) -> None:
        new, self._wanted_tier = self._wanted_tier, None
        if new is not None and self._loaded is not None:
            self._loaded = (self._loaded[0], new)
            self._tell(EngineState.READY)

    def _forget(self) -> None:
        self._last_prompt = []

    def _unload(self) -> None:
        self._loaded = None
        self._senses.forget()
        self._forget()
        self._tell(EngineState.STOPPED)

    def _over(self, request: TurnRequest) -> bool:
        return self._ended(request.turn_id)

    def _ended(self, turn_id: str) -> bool:
        return self._closing or turn_id in self._cancelled

    def _look(self) -> None:
        if (holding := self._holding) is not None:
            holding.look()

    def _tell(self, state: EngineState, *, error: ErrorReport | None = None) -> None:
        model_id, tier = self._loaded or (None, None)
        memory = self._memory if self._loaded or self._senses.any_loaded else None
        self._board.post(EngineStatus(state, model_id, tier, None, memory, error, self._senses.statuses))

    def _usage(self, request: TurnRequest, counts: _Counts) -> Usage:
        now_s = time.perf_counter()
        first_s = counts.first_s or now_s
        return Usage(
            prompt_tokens=counts.prompt,
            cached_tokens=counts.cached,
            completion_tokens=counts.reasoning + counts.answer,
            reasoning_tokens=counts.reasoning,
            load_s=counts.load_s,
            ttft_s=first_s - counts.began_s,
            prefill_s=first_s - counts.began_s,
            decode_s=now_s - first_s,
            tier=self._loaded[1] if self._loaded else request.tier,
            seed=request.sampling.seed or 0,
            context_tokens=CONTEXT_TOKENS,
            memory=self._memory,
        )


def _emit_text(request: TurnRequest, text: str, emit: Callable[[TurnEvent], None]) -> None:
    if text:
        emit(TextDelta(request.turn_id, text))
