"""Seeing and hearing for the assistant: jobs for the engine, readings kept by content hash, the phone charged."""

from __future__ import annotations

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import Failed, PerceptionEvent, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.perception import (
    ImageRead,
    ImageReading,
    LookRequest,
    Modality,
    Transcribed,
    TranscribeRequest,
)
from autoglm_desktop.core.ports import Engine

from .energy import EnergyService
from .energy_turns import TurnMeter
from .line import Line
from .shelf import Shelf

log = logging.getLogger(__name__)

MAX_READINGS = 256

LookDone = Callable[[ImageReading | ErrorReport], None]


class Perception:
    """Callable from any thread. What comes back comes on the engine's thread, or at once from the cache."""

    def __init__(self, engine: Engine, energy: EnergyService, shelf: Shelf, line: Line | None = None) -> None:
        self._engine, self._energy, self._shelf = engine, energy, shelf
        self._line = line or Line(engine)
        self._lock = threading.Lock()
        self._readings: OrderedDict[str, ImageReading] = OrderedDict()

    def path(self, sha256: str) -> Path:
        """The file of an image. Raises AppError BAD_INPUT when it is gone."""
        found = self._shelf.image_path(sha256)
        if found is None:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("The file of this image is not there any more."),
                msg("Add the image again."),
                details=sha256,
            )
        return found

    def reading(self, part: ImagePart) -> ImageReading | None:
        """What was read in the image before: in this process, or for a message that is kept."""
        if part.reading is not None:
            return part.reading
        with self._lock:
            if part.sha256 in self._readings:
                self._readings.move_to_end(part.sha256)
                return self._readings[part.sha256]
        return self._shelf.find_reading(part.sha256)

    def look(
        self,
        part: ImagePart,
        done: LookDone,
        *,
        job_id: str | None = None,
        meter: TurnMeter | None = None,
        on_phase: Callable[[PhaseChanged], None] | None = None,
        more: bool = False,
    ) -> str:
        """Read the image, or take the reading that there is; `done` gets it, or why there is none. Returns a job id.

        `meter`: the answer that it is charged to. `more`: another image follows at once, so that the reader stays.
        """
        job = job_id or uuid.uuid4().hex
        known = self.reading(part)
        if known is not None:
            done(known)
            return job
        try:
            path = self.path(part.sha256)
        except AppError as error:
            done(error.report)
            return job

        def take(event: PerceptionEvent) -> None:
            self._energy.perceived(event, meter)
            if isinstance(event, PhaseChanged) and on_phase is not None:
                on_phase(event)
            elif isinstance(event, ImageRead):
                self._keep(part.sha256, event.reading)
                self._rest(Modality.VISION, more=more)
                done(event.reading)
            elif isinstance(event, Failed):
                self._rest(Modality.VISION, more=more)
                done(event.error)

        self._line.perceive(LookRequest(job, str(path)), take)
        return job

    def transcribe(
        self,
        request: TranscribeRequest,
        on_event: Callable[[PerceptionEvent], None],
        meter: TurnMeter | None = None,
    ) -> None:
        """Write down a recording; `on_event` gets every event. `meter`: the answer that it is charged to."""

        def take(event: PerceptionEvent) -> None:
            self._energy.perceived(event, meter)
            if isinstance(event, Transcribed | Failed):
                self._rest(Modality.SPEECH)
            on_event(event)

        self._line.perceive(request, take)

    def cancel(self, job_id: str) -> None:
        """End a job: it fails with CANCELLED. Unknown ids are ignored."""
        self._engine.cancel(job_id)

    def forget(self) -> None:
        """Drop the readings in memory; those of kept messages stay with them."""
        with self._lock:
            self._readings.clear()

    def _keep(self, sha256: str, reading: ImageReading) -> None:
        with self._lock:
            self._readings[sha256] = reading
            while len(self._readings) > MAX_READINGS:
                self._readings.popitem(last=False)
        try:
            self._shelf.keep_reading(sha256, reading)
        except AppError:  # it is read again one day; the answer does not suffer
            log.exception("a reading could not be kept")

    def _rest(self, modality: Modality, *, more: bool = False) -> None:
        """While the battery is low, what was loaded for one job does not stay."""
        if not more and self._energy.decision.release_modalities:
            self._engine.unload_modality(modality)
