"""Talking without hands: the detector hears when somebody speaks, and what was said is sent after it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text

from .dictation import no_folder
from .draft import SpokenDraft
from .recorder import Began, Ended, Heard, Part, Recorder, Recorders
from .scribe import Scribe
from .state import VoicePhase, VoiceState
from .take import Take

if TYPE_CHECKING:
    from autoglm_desktop.devices.microphone import Recording

log = logging.getLogger(__name__)


class HandsFree(QObject):
    """Listens as long as it is on; each utterance goes into the draft that is open when it begins. GUI thread only."""

    changed = Signal(object)
    """A `VoiceState`."""
    began = Signal()
    """Somebody speaks: whatever is said or made now shall stop."""
    rested = Signal()
    """Nobody speaks, and all that was said is written down: `take_unsent` says whether there is something to send."""
    ended = Signal(object)
    """It cannot go on, with the `ErrorReport` that says why."""

    def __init__(
        self,
        edit: QPlainTextEdit,
        scribe: Scribe,
        recorders: Recorders,
        *,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._edit, self._scribe, self._recorders = edit, scribe, recorders
        self._recorder: Recorder | None = None
        self._take: Take | None = None
        """What is being said, or was said last."""
        self._unsent: list[Take] = []
        """All that was said since the last message, while something of it is still to be written down."""
        self.state = VoiceState()

    @property
    def on(self) -> bool:
        return self._recorder is not None

    @property
    def resting(self) -> bool:
        """Whether nobody speaks and all that was said is written down."""
        return (
            self.on
            and self.state.phase is not VoicePhase.HEARING
            and not any(map(self._scribe.waits_for, self._unsent))
        )

    def take_unsent(self) -> bool:
        """Whether something new was said for the conversation that is open; it counts as sent from now on.

        What was said for another one stays there, to be sent by hand.
        """
        unsent, self._unsent = self._unsent, []
        return any(take.draft.shown and take.draft.any_text for take in unsent)

    def start(self, device: str) -> None:
        """Begin to listen."""
        if self._recorder is not None:
            return
        try:
            folder = self._scribe.folder
        except OSError as error:
            self.ended.emit(no_folder(error))
            return
        self._recorder = self._recorders.begin(device, folder, finds_speech=True)
        self._recorder.told.connect(self._take_in)
        self._recorder.done.connect(self._done)
        self._recorder.failed.connect(self._failed)
        self._show(VoiceState(VoicePhase.OPENING))

    def stop(self) -> None:
        """Listen no more; what is not written down yet is forgotten, what is written stays unsent."""
        if self._recorder is not None:
            self._recorder.let_go()
            self._recorder = None
        for take in self._unsent:
            self._scribe.cancel(take)
        self._unsent, self._take = [], None
        self._show(VoiceState())

    def tell(self, text: Text | None) -> None:
        """Say something in place."""
        self._show(replace(self.state, told=() if text is None else (text,)))

    # What the recorder tells

    def _take_in(self, told: object) -> None:
        match told:
            case Began():
                self._take = Take(SpokenDraft(self._edit), self._go_on)
                self._unsent.append(self._take)
                self._show(VoiceState(VoicePhase.HEARING, self.state.level, self.state.seconds))
                self.began.emit()
            case Part(path) if self._take is not None:
                self._scribe.write_down(self._take, path, ours=True)
            case Ended():
                self._show(VoiceState(VoicePhase.LISTENING))
                self._go_on()
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

    def _go_on(self) -> None:
        """Noise that the detector took for speech has no text: nothing is sent."""
        error = next((take.error for take in self._unsent if take.error is not None), None)
        if error is not None:
            self._failed(error)
        elif self.resting:
            self.rested.emit()

    def _show(self, state: VoiceState) -> None:
        self.state = state
        self.changed.emit(state)
