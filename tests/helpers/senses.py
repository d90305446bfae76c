"""Eyes and ears without networks, behind the engine's own loaders: what they find is said, loads are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import ImageLabel, ImageReading, SpeechSegment, TextLine, Transcript
from autoglm_desktop.engine.runtime.contracts import ProgressSink
from autoglm_desktop.engine.runtime.modalities import Ears, Eyes, Loaders

READING = ImageReading((TextLine("电量 62%", 0.98, (10, 12, 90, 30)),), (ImageLabel("web site", 0.7),), 120, 80, 0.1)
SEGMENTS = (SpeechSegment(0.0, 1.5, "Good morning."), SpeechSegment(1.5, 3.0, "How are you?"))
TRANSCRIPT = Transcript("Good morning. How are you?", "en", 3.0, 0.2, SEGMENTS)


@dataclass(slots=True)
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(slots=True)
class FakeSenses:
    """`loads` names what was loaded; `failure` is raised instead; `on_step` runs between two steps of the work."""

    loads: list[str] = field(default_factory=list)
    failure: Exception | None = None
    on_step: Callable[[], None] = lambda: None
    weight_bytes: int = 0

    def loaders(self) -> Loaders:
        return Loaders(self._vision, self._speech)

    def _vision(self, on_progress: ProgressSink) -> Eyes:
        self._load("vision", on_progress)
        return FakeEyes(self, bytearray(self.weight_bytes))

    def _speech(self, folder: Path, on_progress: ProgressSink) -> Ears:
        self._load(f"speech {folder.name}", on_progress)
        return FakeEars(self)

    def _load(self, name: str, on_progress: ProgressSink) -> None:
        on_progress(0.0)
        if self.failure is not None:
            raise self.failure
        self.loads.append(name)
        on_progress(1.0)


@dataclass(slots=True)
class FakeEyes:
    senses: FakeSenses
    weights: bytearray

    def read(self, path: Path, check: Callable[[], None]) -> ImageReading:
        require(path)
        self.senses.on_step()
        check()
        while path.name.startswith("slow"):
            check()
        return READING


@dataclass(slots=True)
class FakeEars:
    senses: FakeSenses

    def transcribe(
        self,
        path: Path,
        *,
        language: str | None,
        simplified: bool,
        on_segment: Callable[[SpeechSegment], None],
        check: Callable[[], None],
    ) -> Transcript:
        require(path)
        for segment in SEGMENTS:
            check()
            on_segment(segment)
            self.senses.on_step()
        check()
        return TRANSCRIPT


def require(path: Path) -> None:
    if not path.exists():
        raise AppError(ErrorCode.BAD_INPUT, msg("There is no file."), msg("Choose another."))
