"""Talking without hands: the detector hears when somebody speaks, and what was said is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import Phase
from autoglm_desktop.core.i18n import Text

from .dictation import no_folder
from .recorder import Began, Heard, Part, Recorder
from .scribe import Scribe
from .state import VoicePhase, VoiceState

if TYPE_CHECKING:
    from autoglm_desktop.devices.microphone import Microphone, Recording

log = logging.getLogger(__name__)


class HandsFree(QObject):
    """Listens as long as it is on. GUI thread only."""

    changed = Signal(object)
    """A `VoiceState`."""
    began = Signal()
    """Somebody speaks: whatever is said or made now shall stop."""
    said = Signal(str)
    """An utterance, written down."""
    ended = Signal(object)
    """It cannot go on, with the `ErrorReport` that says why."""

    def __init__(self, scribe: Scribe, microphone: Callable[[], Microphone], *, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scribe, self._microphone = scribe, microphone
        self._recorder: Recorder | None = None
        self._pieces: list[str] = []
        self.state = VoiceState()

    @property
    def on(self) -> bool:
        return self._recorder is not None

    def start(self, device: str) -> None:
        """Begin to listen."""
        if self._recorder is not None:
            return
        try:
            folder = self._scribe.folder
        except OSError as error:
            self.ended.emit(no_folder(error))
            return
        self._recorder = Recorder(self._microphone(), device, folder, finds_speech=True, parent=self)
        self._recorder.told.connect(self._told)
        self._recorder.done.connect(self._done)
        self._recorder.failed.connect(self._failed)
        self._show(VoiceState(VoicePhase.OPENING))

    def stop(self) -> None:
        """Listen no more; what is not written down yet is forgotten."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder.deleteLater()
            self._recorder = None
        self._scribe.cancel(self)
        self._pieces.clear()
        self._show(VoiceState())

    def tell(self, text: Text | None) -> None:
        """Say something in place."""
        self._show(replace(self.state, told=() if text is None else (text,)))

    # What the scribe tells

    def working(self, phase: Phase) -> None:
        """Nothing to show: listening goes on meanwhile."""

    def heard(self, text: str) -> None:
        self._pieces.append(text.strip())

    def written(self, error: ErrorReport | None) -> None:
        """An utterance is written down. Noise that the detector took for speech has no text: nothing is sent."""
        text = " ".join(piece for piece in self._pieces if piece)
        self._pieces.clear()
        if error is not None:
            self._failed(error)
        elif text:
            self.said.emit(text)

    # What the recorder tells

    def _told(self, told: object) -> None:
        match told:
            case Began():
                self._show(VoiceState(VoicePhase.HEARING, self.state.level, self.state.seconds))
                self.began.emit()
            case Part(path):
                self._show(VoiceState(VoicePhase.LISTENING))
                self._scribe.write_down(self, path, ours=True)
            case Heard(level, seconds):
                phase = VoicePhase.HEARING if self.state.phase is VoicePhase.HEARING else VoicePhase.LISTENING
                self._show(replace(self.state, phase=phase, level=level, seconds=seconds))

    def _done(self, recording: Recording) -> None:
        """It ended by itself: the microphone is gone."""
        if recording.lost is not None:
            self._failed(recording.lost)

    def _failed(self, error: ErrorReport) -> None:
        self.stop()
        self.ended.emit(error)

    def _show(self, state: VoiceState) -> None:
        self.state = state
        self.changed.emit(state)
