"""Hold to talk, and sound files: speech becomes text in the composer, which is not sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import Phase
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.limits import MAX_RECORDINGS_AT_ONCE

from .draft import SpokenDraft
from .recorder import Heard, Part, Recorder, Recorders
from .scribe import Scribe
from .state import RECORDS, Problem, VoicePhase, VoiceState
from .take import Take

if TYPE_CHECKING:
    from autoglm_desktop.devices.microphone import Recording

log = logging.getLogger(__name__)

TAP_S = 0.3
"""Who lets go so soon did not mean to talk."""


class Dictation(QObject):
    """One recording at a time, one file at a time; each goes into a draft of its own. GUI thread only."""

    changed = Signal(object)
    """A `VoiceState`."""

    def __init__(
        self,
        edit: QPlainTextEdit,
        scribe: Scribe,
        recorders: Recorders,
        *,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._edit, self._scribe, self._recorders, self._clock = edit, scribe, recorders, clock
        self.state = VoiceState()
        self._recorder: Recorder | None = None
        self._live: Take | None = None
        """What is being recorded; its first parts may be written down already."""
        self._phase, self._level, self._seconds = VoicePhase.IDLE, 0.0, 0.0
        """Of the recording."""
        self._pressed_s = 0.0
        self._writing: list[Take] = []
        """Recordings that are over, and the file whose turn it is."""
        self._files: list[tuple[Path, Take]] = []
        self._told: list[Text] = []
        self._problems: list[Problem] = []
        self._offers_model = False

    @property
    def recording(self) -> bool:
        return self.state.phase in RECORDS

    def begin(self, device: str) -> None:
        """Open the microphone. While something is recorded already nothing happens."""
        if self._recorder is not None:
            return
        self._clear_when_idle()
        try:
            folder = self._scribe.folder
        except OSError as error:
            self._problems.append(Problem(no_folder(error)))
            self._show()
            return
        self._pressed_s = self._clock()
        self._live = Take(SpokenDraft(self._edit), self._go_on)
        self._phase, self._level, self._seconds = VoicePhase.OPENING, 0.0, 0.0
        self._recorder = self._recorders.begin(device, folder, finds_speech=False)
        self._recorder.told.connect(self._take_in)
        self._recorder.done.connect(self._recorded)
        self._recorder.failed.connect(self._failed)
        self._show()

    def end(self, *, held: bool) -> None:
        """The button was let go (`held`) or pressed again: what was said is written down."""
        if self._recorder is None:
            return
        if held and self._clock() - self._pressed_s < TAP_S:
            self._drop_recording()
            self._note(msg("Hold the button while you speak."))
        else:
            self._recorder.stop()
            self._phase, self._level = VoicePhase.WRITING, 0.0
        self._go_on()

    def discard(self) -> bool:
        """Forget what is recorded now, else all that is being written down, and take its text out again.

        Returns whether there was any.
        """
        if self.state.phase is VoicePhase.IDLE:
            return False
        everything = not self.recording
        self._drop_recording()
        if everything:
            for take in self._writing:
                self._drop(take)
            self._writing.clear()
            self._files.clear()
            self._clear()
        self._go_on()
        return True

    def write_down_files(self, files: Sequence[tuple[Path, SpokenDraft]]) -> None:
        """Sound files into their drafts, one after the other, after what is being written down now."""
        self._clear_when_idle()
        room = MAX_RECORDINGS_AT_ONCE - len(self._files) - sum(bool(take.source) for take in self._writing)
        taken = files[: max(0, room)]
        if len(taken) < len(files):
            self._note(
                msg(
                    "Up to {most} recordings are written down at a time: {count} left out.",
                    most=MAX_RECORDINGS_AT_ONCE,
                    count=len(files) - len(taken),
                )
            )
        self._files += ((path, Take(draft, self._go_on, path.name)) for path, draft in taken)
        self._go_on()

    def tell(self, text: Text | None = None, *, error: ErrorReport | None = None, offers_model: bool = False) -> None:
        """Say something in place, or nothing more; nothing else takes it away while something is written down."""
        if self.state.phase is VoicePhase.IDLE or not (text or error or offers_model):
            self._clear()
        if text is not None:
            self._note(text)
        self._problems += [] if error is None else [Problem(error)]
        self._offers_model = self._offers_model or offers_model
        self._show()

    # What the recorder tells

    def _take_in(self, told: object) -> None:
        if isinstance(told, Part) and self._live is not None:
            self._scribe.write_down(self._live, told.path, ours=True)
        elif isinstance(told, Heard) and self._phase in RECORDS:
            if self._phase is VoicePhase.OPENING:
                log.info("recording")
            self._phase, self._level, self._seconds = VoicePhase.RECORDING, told.level, told.seconds
            self._show()

    def _recorded(self, recording: Recording) -> None:
        log.info("recorded %d samples, %d dropped", recording.sample_count, recording.dropped)
        self._seconds = recording.seconds
        self._recording_over(_words_about(recording), recording.lost)

    def _failed(self, error: ErrorReport) -> None:
        self._recording_over(None, error)

    def _recording_over(self, note: Text | None, error: ErrorReport | None) -> None:
        take, self._live = self._live, None
        self._end_recorder()
        if take is not None:
            take.note, take.error = note, error or take.error
            self._writing.append(take)
        self._go_on()

    def _end_recorder(self) -> None:
        self._phase, self._level = VoicePhase.IDLE, 0.0
        if self._recorder is not None:
            self._recorder.let_go()
            self._recorder = None

    def _drop_recording(self) -> None:
        """Forget what is recorded now, and nothing else."""
        take, self._live = self._live, None
        self._end_recorder()
        if take is not None:
            self._drop(take)

    def _drop(self, take: Take) -> None:
        self._scribe.cancel(take)
        take.draft.remove()

    # What comes of it

    def _go_on(self) -> None:
        """Say what came of what is written down, begin with the next file, and show how things stand."""
        for take in [take for take in self._writing if not self._scribe.waits_for(take)]:
            self._writing.remove(take)
            self._conclude(take)
        if self._files and not any(take.source for take in self._writing):
            path, take = self._files.pop(0)
            self._writing.append(take)
            self._scribe.write_down(take, path, ours=False)  # may fail at once, which comes back here
        self._show()

    def _conclude(self, take: Take) -> None:
        """What it came to, in one sentence if it needs one."""
        if take.note is not None:
            self._note(take.note)
        if take.error is not None and take.error.code is ErrorCode.MODEL_MISSING:
            self._offers_model = True
        elif take.error is not None:
            self._problems.append(Problem(take.error, take.source))
        elif not take.draft.any_text and take.note is None:
            nothing = msg("Nothing was heard in {name}.", name=take.source) if take.source else None
            self._note(nothing or msg("Nothing was heard."))

    def _note(self, text: Text) -> None:
        """Said once, however often it happens."""
        if text not in self._told:
            self._told.append(text)

    def _clear(self) -> None:
        self._told, self._problems, self._offers_model = [], [], False

    def _clear_when_idle(self) -> None:
        """What was said of earlier ones stays until they are all done."""
        if self.state.phase is VoicePhase.IDLE:
            self._clear()

    def _show(self) -> None:
        phase = VoicePhase.WRITING if self._phase is VoicePhase.IDLE and self._writing else self._phase
        written = self._writing[0] if self._writing else self._live
        if phase is not VoicePhase.WRITING:
            written = None
        self.state = VoiceState(
            phase,
            self._level,
            self._seconds if phase is not VoicePhase.IDLE else 0.0,
            told=tuple(self._told),
            problems=tuple(self._problems),
            offers_model=self._offers_model,
            loading=written is not None and written.phase is Phase.LOADING,
            queued=written is not None and written.phase is Phase.QUEUED,
            source="" if written is None else written.source,
        )
        self.changed.emit(self.state)


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
