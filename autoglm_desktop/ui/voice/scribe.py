"""Has recordings written down, in order, and tells on the GUI thread what comes."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import Failed, PerceptionEvent, Phase, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import SpeechHeard, Transcribed
from autoglm_desktop.ui.bridge import Bridge

log = logging.getLogger(__name__)

_CUT_SHORT = ErrorReport(
    ErrorCode.BAD_INPUT,
    msg("The recording ends before its time: what is left of it was written down."),
    msg("Get the file again if something is missing."),
)


class Client(Protocol):
    """Whose recordings they are."""

    def working(self, phase: Phase) -> None:
        """What the engine does before it writes."""

    def heard(self, text: str) -> None:
        """A piece of the text."""

    def written(self, error: ErrorReport | None) -> None:
        """One recording is done, well or not."""


@dataclass(slots=True)
class _Job:
    client: Client
    path: Path | None
    """A file of ours, to be removed."""
    any_piece: bool = False
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    key: int
    event: PerceptionEvent


class Scribe(QObject):
    """The assistant's transcriptions for the window. Recordings lie in a private folder while they are needed."""

    idle = Signal()

    def __init__(self, assistant: Assistant, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._assistant = assistant
        self._bridge = Bridge(self._handle, parent=self)
        self._jobs: dict[int, _Job] = {}
        self._next = 0
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """Where recordings may be written: readable by this user alone. Raises OSError when there is no room."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="autoglm-voice-"))
        return self._folder

    def write_down(self, client: Client, path: Path, *, ours: bool) -> None:
        """Have a recording written down; `ours` is removed afterwards."""
        self._next += 1
        key, job = self._next, _Job(client, path if ours else None)
        self._jobs[key] = job
        language = self._assistant.settings.voice_language
        try:
            job.job_id = self._assistant.transcribe(
                path,
                language=None if language == "auto" else language,
                on_event=lambda event: self._bridge.post(_Told(key, event)),
            )
        except AppError as error:
            self._end(key, error.report)

    def cancel(self, client: Client) -> None:
        """End everything of this client; it hears no more."""
        for key, job in list(self._jobs.items()):
            if job.client is client:
                self._assistant.cancel_job(job.job_id)
                del self._jobs[key]
                _remove(job.path)

    def waits_for(self, client: Client) -> bool:
        """Whether something of this client is not written down yet."""
        return any(job.client is client for job in self._jobs.values())

    def close(self) -> None:
        """Cancel everything and remove what was recorded."""
        self._bridge.close()
        for job in self._jobs.values():
            self._assistant.cancel_job(job.job_id)
        self._jobs.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _handle(self, told: object) -> None:
        assert isinstance(told, _Told)
        job = self._jobs.get(told.key)
        if job is None:  # cancelled
            return
        match told.event:
            case PhaseChanged(_, Phase.QUEUED) if next(iter(self._jobs)) != told.key:
                pass  # it waits for another part of ours, which is nothing to tell
            case PhaseChanged(_, phase):
                job.client.working(phase)
            case SpeechHeard(_, segment):
                job.any_piece = True
                job.client.heard(segment.text)
            case Transcribed(_, transcript):
                if not job.any_piece and transcript.text:
                    job.client.heard(transcript.text)
                self._end(told.key, _CUT_SHORT if transcript.cut_short else None)
            case Failed(_, error):
                self._end(told.key, error)

    def _end(self, key: int, error: ErrorReport | None) -> None:
        job = self._jobs.pop(key)
        _remove(job.path)
        job.client.written(error)


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
