"""Hold to talk, and sound files: speech becomes text in the composer, which is not sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import Text, msg

from .draft import SpokenDraft
from .recorder import Heard, Part, Recorder
from .scribe import Scribe
from .state import RECORDS, VoicePhase, VoiceState

if TYPE_CHECKING:
    from autoglm_desktop.devices.microphone import Microphone, Recording

log = logging.getLogger(__name__)

TAP_S = 0.3
"""Who lets go so soon did not mean to talk."""


class Dictation(QObject):
    """One recording or file at a time goes into one draft. GUI thread only."""

    changed = Signal(object)
    """A `VoiceState`."""

    def __init__(
        self,
        edit: QPlainTextEdit,
        scribe: Scribe,
        microphone: Callable[[], Microphone],
        *,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        """`microphone` is asked for when it is first needed."""
        super().__init__(parent)
        self._edit, self._scribe, self._microphone, self._clock = edit, scribe, microphone, clock
        self.state = VoiceState()
        self._recorder: Recorder | None = None
        self._draft: SpokenDraft | None = None
        self._pressed_s = 0.0
        self._files: list[Path] = []
        self._note: Text | None = None
        self._error: ErrorReport | None = None

    @property
    def recording(self) -> bool:
        return self.state.phase in RECORDS

    def begin(self, device: str) -> None:
        """Open the microphone. While something is recorded already nothing happens."""
        if self._recorder is not None:
            return
        try:
            folder = self._scribe.folder
        except OSError as error:
            self._show(VoiceState(error=no_folder(error)))
            return
        self._pressed_s = self._clock()
        self._fresh_draft()
        self._recorder = Recorder(self._microphone(), device, folder, finds_speech=False, parent=self)
        self._recorder.told.connect(self._told)
        self._recorder.done.connect(self._recorded)
        self._recorder.failed.connect(self._failed)
        self._show(VoiceState(VoicePhase.OPENING))

    def end(self, *, held: bool) -> None:
        """The button was let go (`held`) or pressed again: what was said is written down."""
        if self._recorder is None:
            return
        if held and self._clock() - self._pressed_s < TAP_S:
            self.discard()
            self.tell(msg("Hold the button while you speak."))
            return
        self._recorder.stop()
        self._show(replace(self.state, phase=VoicePhase.WRITING, level=0.0))

    def discard(self) -> bool:
        """Forget the recording and take its text out again; whether there was one."""
        if self.state.phase is VoicePhase.IDLE:
            return False
        self._scribe.cancel(self)
        self._files.clear()
        self._end_recorder()
        if self._draft is not None:
            self._draft.remove()
        self._draft = None
        self._show(VoiceState())
        return True

    def write_down_file(self, path: Path) -> None:
        """A sound file into the composer, after what is being written down now."""
        self._files.append(path)
        if self.state.phase is VoicePhase.IDLE:
            self._next_file()

    def tell(self, text: Text | None = None, *, error: ErrorReport | None = None, offers_model: bool = False) -> None:
        """Say something in place; nothing takes it away."""
        self._show(replace(self.state, told=text, error=error, offers_model=offers_model))

    def close(self) -> None:
        """End everything and wait for the thread."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    # What the scribe tells

    def loading(self) -> None:
        """The model is not in memory yet."""
        if self.state.phase is VoicePhase.WRITING and not self.state.loading:
            self._show(replace(self.state, loading=True))

    def heard(self, text: str) -> None:
        """A piece of what was said, in the composer at once."""
        if self.state.loading:
            self._show(replace(self.state, loading=False))
        if self._draft is not None:
            self._draft.add(text)

    def written(self, error: ErrorReport | None) -> None:
        """A part is written down."""
        self._error = error or self._error
        self._finish()

    # What the recorder tells

    def _told(self, told: object) -> None:
        if isinstance(told, Part):
            self._scribe.write_down(self, told.path, ours=True)
        elif isinstance(told, Heard) and self.recording:
            if self.state.phase is VoicePhase.OPENING:
                log.info("recording")
            self._show(VoiceState(VoicePhase.RECORDING, told.level, told.seconds))

    def _recorded(self, recording: Recording) -> None:
        self._end_recorder()
        log.info("recorded %d samples, %d dropped", recording.sample_count, recording.dropped)
        self._note = _words_about(recording)
        self._error = recording.lost or self._error
        self._show(VoiceState(VoicePhase.WRITING, seconds=recording.seconds))
        self._finish()

    def _failed(self, error: ErrorReport) -> None:
        self._end_recorder()
        self._error = error
        self._finish()

    def _end_recorder(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder.deleteLater()
            self._recorder = None

    def _finish(self) -> None:
        """The end, once nothing is outstanding: what it came to, in one sentence if it needs one."""
        if self._recorder is not None or self._scribe.waits_for(self):
            return
        said = bool(self._draft and self._draft.any_text)
        told = self._note
        if not said and self._error is None and told is None:
            told = msg("Nothing was heard.")
        error = self._error
        missing = error is not None and error.code is ErrorCode.MODEL_MISSING
        self._draft = None
        self._show(VoiceState(told=told, error=None if missing else error, offers_model=missing))
        if self._files:
            self._next_file()

    def _next_file(self) -> None:
        path = self._files.pop(0)
        self._fresh_draft()
        self._show(VoiceState(VoicePhase.WRITING, source=path.name))
        self._scribe.write_down(self, path, ours=False)

    def _fresh_draft(self) -> None:
        self._draft = SpokenDraft(self._edit)
        self._note = self._error = None

    def _show(self, state: VoiceState) -> None:
        self.state = state
        self.changed.emit(state)


def _words_about(recording: Recording) -> Text | None:
    """What is to be known of a recording beside its text."""
    if recording.silent:
        return msg("The microphone gave nothing but silence: is it muted, or is its use not allowed?")
    if recording.dropped or recording.overflows:
        return msg("This computer was too busy: a part of what you said was lost. Look through the text.")
    return None


def no_folder(error: OSError) -> ErrorReport:
    """Why nothing can be recorded."""
    return ErrorReport(
        ErrorCode.NOT_WRITABLE,
        msg("There is no room for a recording in the folder for temporary files."),
        msg("Free some space, then speak again."),
        details=str(error),
    )
