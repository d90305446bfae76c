"""How a `ScriptedEngine` reads images and hears recordings: by its script, with the life of a real modality."""

from __future__ import annotations

import time
from collections.abc import Callable

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import Failed, PerceptionEvent, Phase, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import (
    ImageRead,
    ImageReading,
    LookRequest,
    Modality,
    ModalityStatus,
    SpeechHeard,
    Transcribed,
    TranscribeRequest,
    Transcript,
)

from . import reports
from .script import Hold, Senses

_NOT_IN_SCRIPT = ErrorReport(
    ErrorCode.ENGINE_FAILED,
    msg("The script says nothing about this."),
    msg("Give the scripted engine what it is to read and to hear."),
)


class SensesPlayer:
    """Owned by the engine's worker thread."""

    def __init__(self, senses: Senses) -> None:
        self._senses = senses
        self._known: dict[Modality, ModalityStatus] = {}

    @property
    def statuses(self) -> tuple[ModalityStatus, ...]:
        return tuple(self._known.values())

    @property
    def any_loaded(self) -> bool:
        return any(status.loaded for status in self._known.values())

    @property
    def hold(self) -> Hold | None:
        return self._senses.hold

    def play(
        self,
        request: LookRequest | TranscribeRequest,
        emit: Callable[[PerceptionEvent], None],
        over: Callable[[], bool],
    ) -> PerceptionEvent:
        """Everything up to the last event, which is given back."""
        if over():
            return reports.perception_cancelled(request)
        modality = Modality.VISION if isinstance(request, LookRequest) else Modality.SPEECH
        began_s = time.perf_counter()
        was_loaded = self._is_loaded(modality)
        error = self.load(modality, lambda fraction: emit(PhaseChanged(request.turn_id, Phase.LOADING, fraction)))
        if error is not None:
            return Failed(request.turn_id, error)
        if modality is Modality.SPEECH:
            emit(PhaseChanged(request.turn_id, Phase.WRITING_DOWN))
        load_s = 0.0 if was_loaded else time.perf_counter() - began_s
        if self._senses.hold is not None:
            self._senses.hold.wait(over, lambda: False)
        if over():
            return reports.perception_cancelled(request)
        return self._result(request, load_s, emit)

    def load(self, modality: Modality, tell: Callable[[float], None]) -> ErrorReport | None:
        if self._is_loaded(modality):
            return None
        if self._senses.load_error is not None:
            return self._senses.load_error
        began_s = time.perf_counter()
        for fraction in self._senses.load_steps:
            tell(fraction)
        load_s = time.perf_counter() - began_s
        self._known[modality] = ModalityStatus(modality, True, self._senses.bytes_held, load_s)
        return None

    def unload(self, modality: Modality) -> None:
        if self._is_loaded(modality):
            self._known[modality] = ModalityStatus(modality, False)

    def forget(self) -> None:
        """The process of this engine would be gone."""
        self._known.clear()

    def _is_loaded(self, modality: Modality) -> bool:
        return modality in self._known and self._known[modality].loaded

    def _result(
        self, request: LookRequest | TranscribeRequest, load_s: float, emit: Callable[[PerceptionEvent], None]
    ) -> PerceptionEvent:
        found: ImageReading | Transcript | ErrorReport
        if isinstance(request, LookRequest):
            found = self._senses.read(request) if self._senses.read else _NOT_IN_SCRIPT
        else:
            found = self._senses.hear(request) if self._senses.hear else _NOT_IN_SCRIPT
        if isinstance(found, ErrorReport):
            return Failed(request.turn_id, found)
        if isinstance(found, ImageReading):
            return ImageRead(request.turn_id, found, load_s)
        for segment in found.segments:
            emit(SpeechHeard(request.turn_id, segment))
        return Transcribed(request.turn_id, found, load_s)
