"""One look at an image, or one transcription, from the request to its last event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autoglm_desktop.core.events import PerceptionEvent, Phase, PhaseChanged
from autoglm_desktop.core.perception import (
    ImageRead,
    LookRequest,
    Modality,
    SpeechHeard,
    Transcribed,
    TranscribeRequest,
)

from .contracts import Stopped
from .modalities import Modalities


@dataclass(frozen=True, slots=True)
class Perceiving:
    """`told` is called when something was loaded."""

    modalities: Modalities
    emit: Callable[[PerceptionEvent], None]
    cancelled: Callable[[str], bool]
    told: Callable[[], None]

    def run(self, request: LookRequest | TranscribeRequest) -> ImageRead | Transcribed:
        """The last event. Raises AppError, and Stopped when it was cancelled."""
        self._check(request.turn_id)
        return self._look(request) if isinstance(request, LookRequest) else self._transcribe(request)

    def _look(self, request: LookRequest) -> ImageRead:
        eyes, load_s = self.modalities.vision(lambda fraction: self._loading(request.turn_id, fraction))
        self._begin(request.turn_id, load_s)
        reading = eyes.read(Path(request.path), lambda: self._check(request.turn_id))
        self.modalities.used(Modality.VISION)
        return ImageRead(request.turn_id, reading, load_s)

    def _transcribe(self, request: TranscribeRequest) -> Transcribed:
        ears, load_s = self.modalities.speech(
            request.model_folder, lambda fraction: self._loading(request.turn_id, fraction)
        )
        self._begin(request.turn_id, load_s)
        self.emit(PhaseChanged(request.turn_id, Phase.WRITING_DOWN))
        transcript = ears.transcribe(
            Path(request.path),
            language=request.language,
            simplified=request.simplified,
            on_segment=lambda segment: self.emit(SpeechHeard(request.turn_id, segment)),
            check=lambda: self._check(request.turn_id),
        )
        self.modalities.used(Modality.SPEECH)
        return Transcribed(request.turn_id, transcript, load_s)

    def _begin(self, turn_id: str, load_s: float) -> None:
        if load_s:
            self.told()
        self._check(turn_id)

    def _loading(self, turn_id: str, fraction: float) -> None:
        self._check(turn_id)
        self.emit(PhaseChanged(turn_id, Phase.LOADING, fraction))

    def _check(self, turn_id: str) -> None:
        if self.cancelled(turn_id):
            raise Stopped
