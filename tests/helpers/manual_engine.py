"""An engine that does nothing by itself: the test says which event comes when, on the test's own thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Failed,
    Finished,
    FinishReason,
    Memory,
    PerceptionEvent,
    TextDelta,
    TurnEvent,
    Usage,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.perception import (
    ImageRead,
    ImageReading,
    LookRequest,
    Modality,
    ModalityStatus,
    SpeechHeard,
    SpeechSegment,
    Transcribed,
    TranscribeRequest,
    Transcript,
)
from autoglm_desktop.core.ports import PerceptionSink, StatusSink, TurnSink
from autoglm_desktop.core.precision import Tier


def usage(tier: Tier = Tier.INT8) -> Usage:
    """Figures that add up."""
    return Usage(40, 12, 9, 0, 0.0, 0.2, 0.1, 0.4, tier, 7, 2048, Memory(1000, 200, 3000))


@dataclass(slots=True)
class ManualTurn:
    """A turn that was submitted; the test plays the engine's part."""

    request: TurnRequest
    sink: TurnSink

    def say(self, *texts: str) -> None:
        for text in texts:
            self.sink(TextDelta(self.request.turn_id, text))

    def event(self, make: Callable[[str], TurnEvent]) -> None:
        self.sink(make(self.request.turn_id))

    def finish(self, reason: FinishReason = FinishReason.STOP) -> None:
        self.sink(Finished(self.request.turn_id, reason, usage(self.request.tier)))

    def fail(self, error: ErrorReport) -> None:
        self.sink(Failed(self.request.turn_id, error))


@dataclass(slots=True)
class ManualPerception:
    """A look or a transcription that was asked for; the test plays the engine's part."""

    request: LookRequest | TranscribeRequest
    sink: PerceptionSink

    def event(self, make: Callable[[str], PerceptionEvent]) -> None:
        self.sink(make(self.request.turn_id))

    def read(self, reading: ImageReading, *, load_s: float = 0.0) -> None:
        self.sink(ImageRead(self.request.turn_id, reading, load_s))

    def hear(self, *segments: SpeechSegment) -> None:
        for segment in segments:
            self.sink(SpeechHeard(self.request.turn_id, segment))

    def transcribed(self, transcript: Transcript, *, load_s: float = 0.0) -> None:
        self.sink(Transcribed(self.request.turn_id, transcript, load_s))

    def fail(self, error: ErrorReport) -> None:
        self.sink(Failed(self.request.turn_id, error))


@dataclass(slots=True)
class ManualEngine:
    """Implements `core.ports.Engine`. `cancel` answers at once with what an engine answers."""

    turns: list[ManualTurn] = field(default_factory=list)
    tiers: list[Tier] = field(default_factory=list)
    preloaded: list[tuple[ModelRef, Tier]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """Names of the methods that drop something: unload, forget_sessions, close."""
    watchers: list[StatusSink] = field(default_factory=list)
    open_turns: dict[str, ManualTurn] = field(default_factory=dict)
    perceptions: list[ManualPerception] = field(default_factory=list)
    modalities: list[tuple[str, Modality]] = field(default_factory=list)
    """("load" or "unload", which), in order."""
    open_perceptions: dict[str, ManualPerception] = field(default_factory=dict)
    statuses: tuple[ModalityStatus, ...] = ()
    """What `status` tells of the modalities."""

    @property
    def last(self) -> ManualTurn:
        return self.turns[-1]

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        turn = ManualTurn(request, self._ending(request.turn_id, sink))
        self.turns.append(turn)
        self.open_turns[request.turn_id] = turn

    def cancel(self, turn_id: str) -> None:
        turn = self.open_turns.get(turn_id)
        if turn is not None:
            turn.finish(FinishReason.CANCELLED)
        perception = self.open_perceptions.get(turn_id)
        if perception is not None:
            perception.fail(ErrorReport(ErrorCode.CANCELLED, msg("Stopped."), msg("Start it again.")))

    def set_tier(self, tier: Tier) -> None:
        self.tiers.append(tier)

    def preload(self, model: ModelRef, tier: Tier) -> None:
        self.preloaded.append((model, tier))

    def unload(self) -> None:
        self.calls.append("unload")

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        perception = ManualPerception(request, self._ending_perception(request.turn_id, sink))
        self.perceptions.append(perception)
        self.open_perceptions[request.turn_id] = perception

    def load_modality(self, modality: Modality, model_folder: str | None = None) -> None:
        self.modalities.append(("load", modality))

    def unload_modality(self, modality: Modality) -> None:
        self.modalities.append(("unload", modality))

    def forget_sessions(self) -> None:
        self.calls.append("forget_sessions")

    def status(self) -> EngineStatus:
        return EngineStatus(EngineState.READY, modalities=self.statuses)

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        self.watchers.append(sink)
        return lambda: self.watchers.remove(sink)

    def close(self) -> None:
        self.calls.append("close")

    def _ending(self, turn_id: str, sink: TurnSink) -> TurnSink:
        def take(event: TurnEvent) -> None:
            if isinstance(event, Finished | Failed):
                self.open_turns.pop(turn_id, None)
            sink(event)

        return take

    def _ending_perception(self, turn_id: str, sink: PerceptionSink) -> PerceptionSink:
        def take(event: PerceptionEvent) -> None:
            if isinstance(event, ImageRead | Transcribed | Failed):
                self.open_perceptions.pop(turn_id, None)
            sink(event)

        return take
