"""The threads that record: they cut or find utterances and write them to files, the window only reads levels."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, SignalInstance

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.ui.jobs import Cancelled, Job, Report

if TYPE_CHECKING:
    from autoglm_desktop.devices.audio import Samples
    from autoglm_desktop.devices.microphone import Block, Microphone

_LEAST_S = 0.2
"""A shorter part holds no word."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The microphone delivers: loudness 0 to 1 and seconds so far."""

    level: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the recording, in a file of its own."""

    path: Path


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody began to speak."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nobody speaks any more. Long speech comes in several parts before it."""


class Recorder(QObject):
    """One recording on one thread. Exactly one of `done` (with a `Recording`) and `failed` follows, then `over`."""

    told = Signal(object)
    done = Signal(object)
    failed = Signal(object)
    over = Signal()
    """Its thread is joined, also after `let_go`."""

    def __init__(
        self,
        microphone: Microphone,
        device: str,
        folder: Path,
        turn: threading.Lock,
        *,
        finds_speech: bool,
        parent: QObject | None = None,
    ) -> None:
        """`finds_speech`: the detector says where utterances are; else all is kept and cut at pauses.

        `turn` is held while it records: the one before may still be ending.
        """
        super().__init__(parent)
        self._microphone, self._device, self._folder, self._turn = microphone, device, folder, turn
        self._finds_speech = finds_speech
        self._stopped, self._forgotten = threading.Event(), threading.Event()
        self._unclaimed: set[Path] = set()
        self._job = Job(self._work, name="microphone", parent=self)
        self._job.progressed.connect(self._tell)
        self._job.succeeded.connect(lambda recording: self._end(self.done, recording))
        self._job.failed.connect(lambda error: self._end(self.failed, error))
        self._job.start()

    def stop(self) -> None:
        """End the recording; `done` follows after the last part."""
        self._stopped.set()

    def let_go(self) -> None:
        """End it, tell nothing more of it, and do not wait: closing a device may take seconds."""
        self._forgotten.set()
        self._stopped.set()
        self._remove_unclaimed()

    def join(self) -> None:
        """Let it go, and wait for the thread."""
        self.let_go()
        self._job.close()
        self._leave()

    def _tell(self, told: object) -> None:
        if self._forgotten.is_set():
            return
        if isinstance(told, Part):
            self._unclaimed.discard(told.path)
        self.told.emit(told)

    def _end(self, signal: SignalInstance, outcome: object) -> None:
        """The work is done, and with it all but the end of the thread."""
        if not self._forgotten.is_set():
            signal.emit(outcome)
        self._job.close()
        self._leave()

    def _leave(self) -> None:
        self._remove_unclaimed()
        self.over.emit()
        self.deleteLater()

    def _remove_unclaimed(self) -> None:
        """Files that nobody was told of."""
        for path in tuple(self._unclaimed):
            path.unlink(missing_ok=True)

    def _work(self, report: Report, _: Cancelled) -> object:
        """On the thread of the job."""
        from autoglm_desktop.devices.audio import RATE_HZ

        take, finish = self._utterances(report) if self._finds_speech else self._parts(report)
        count = 0

        def sink(block: Block) -> None:
            nonlocal count
            count += len(block.samples)
            report(Heard(block.level, count / RATE_HZ))
            take(block.samples)

        with self._turn:
            if self._forgotten.is_set():
                return None
            recording = self._microphone.record(self._device or None, sink, self._stopped)
        finish()
        return recording

    def _parts(self, report: Report) -> tuple[Callable[[Samples], None], Callable[[], None]]:
        from .cutter import Cutter

        cutter = Cutter()

        def take(samples: Samples) -> None:
            for part in cutter.feed(samples):
                self._write(part, report)

        return take, lambda: self._write(cutter.rest(), report)

    def _utterances(self, report: Report) -> tuple[Callable[[Samples], None], Callable[[], None]]:
        from autoglm_desktop.devices.vad import SileroModel, SpeechBegan, UtteranceFinder

        finder = UtteranceFinder(SileroModel())

        def take(samples: Samples) -> None:
            for found in finder.feed(samples):
                if isinstance(found, SpeechBegan):
                    report(Began())
                else:
                    self._write(found.samples, report)
                    if not found.cut:
                        report(Ended())

        return take, lambda: None

    def _write(self, samples: Samples, report: Report) -> None:
        from autoglm_desktop.devices.audio import RATE_HZ, write_wav

        if self._forgotten.is_set() or len(samples) < _LEAST_S * RATE_HZ or not samples.any():
            return
        path = self._folder / f"{uuid.uuid4().hex}.wav"
        self._unclaimed.add(path)
        try:
            write_wav(path, samples)
        except OSError as error:
            raise AppError(
                ErrorCode.NOT_WRITABLE,
                msg("The recording could not be kept in {path}.", path=str(self._folder)),
                msg("Free some space in the folder for temporary files, then speak again."),
                details=str(error),
            ) from error
        report(Part(path))


class Recorders(QObject):
    """Makes recorders, of which one records at a time, and keeps them until their threads are over."""

    def __init__(self, microphone: Callable[[], Microphone], parent: QObject | None = None) -> None:
        """`microphone` is asked for when it is first needed."""
        super().__init__(parent)
        self._microphone = microphone
        self._turn = threading.Lock()
        self._running: set[Recorder] = set()

    def begin(self, device: str, folder: Path, *, finds_speech: bool) -> Recorder:
        """Open the microphone."""
        made = Recorder(self._microphone(), device, folder, self._turn, finds_speech=finds_speech, parent=self)
        self._running.add(made)
        made.over.connect(lambda: self._running.discard(made))
        return made

    def join(self) -> None:
        """Let all of them go, and wait for their threads."""
        running = tuple(self._running)
        for recorder in running:  # all of them before the first wait: they wait for each other
            recorder.let_go()
        for recorder in running:
            recorder.join()
