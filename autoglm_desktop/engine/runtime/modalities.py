"""The parts beside the language model: loaded on first use, measured, given back after idle time or by command."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import ImageReading, Modality, ModalityStatus, SpeechSegment, Transcript

from .contracts import ProgressSink

_LOG = logging.getLogger(__name__)
_Loaded = TypeVar("_Loaded")


class Eyes(Protocol):
    """Reads images."""

    def read(self, path: Path, check: Callable[[], None]) -> ImageReading: ...


class Ears(Protocol):
    """Writes down speech."""

    def transcribe(
        self,
        path: Path,
        *,
        language: str | None,
        simplified: bool,
        on_segment: Callable[[SpeechSegment], None],
        check: Callable[[], None],
    ) -> Transcript: ...


@dataclass(frozen=True, slots=True)
class Loaders:
    """How the parts are loaded. Both may raise AppError, and import their libraries when they are called."""

    vision: Callable[[ProgressSink], Eyes]
    speech: Callable[[Path, ProgressSink], Ears]


def real_loaders(threads: int) -> Loaders:
    """Those of the product. Nothing is imported before one is called."""

    def vision(on_progress: ProgressSink) -> Eyes:
        from .vision import VisionReader

        return VisionReader.load(threads, on_progress)

    def speech(folder: Path, on_progress: ProgressSink) -> Ears:
        from .speech import SpeechReader

        return SpeechReader.load(folder, threads, on_progress)

    return Loaders(vision, speech)


class Modalities:
    """Owned by the working thread. `idle_unload_s` 0 keeps what is loaded."""

    def __init__(self, loaders: Loaders, idle_unload_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._loaders = loaders
        self._idle_unload_s = idle_unload_s
        self._clock = clock
        self._loaded: dict[Modality, Any] = {}
        self._statuses: dict[Modality, ModalityStatus] = {}
        self._used_s: dict[Modality, float] = {}
        self._speech_folder: str | None = None

    @property
    def statuses(self) -> tuple[ModalityStatus, ...]:
        """Of those that were loaded at some time."""
        return tuple(self._statuses.values())

    def is_loaded(self, modality: Modality) -> bool:
        return modality in self._loaded

    def load(self, modality: Modality, model_folder: str | None, on_progress: ProgressSink) -> float:
        """Load it if it is not; seconds that this took. Raises AppError."""
        if modality is Modality.VISION:
            return self.vision(on_progress)[1]
        if model_folder is None and self._speech_folder is None and not self.is_loaded(modality):
            raise AppError(
                ErrorCode.MODEL_MISSING,
                msg("It was not said which model writes down speech."),
                msg("Restart the application; if it happens again, reinstall it."),
            )
        return self.speech(model_folder or self._speech_folder or "", on_progress)[1]

    def vision(self, on_progress: ProgressSink) -> tuple[Eyes, float]:
        """The reader of images and the seconds that loading it took now."""
        return self._ensure(Modality.VISION, self._loaders.vision, on_progress)

    def speech(self, model_folder: str, on_progress: ProgressSink) -> tuple[Ears, float]:
        """The writer of speech and the seconds that loading it took now. Another model takes the place of the first."""
        if self._speech_folder != model_folder:
            self.unload(Modality.SPEECH)
            self._speech_folder = model_folder
        folder = Path(model_folder)
        return self._ensure(Modality.SPEECH, lambda progress: self._loaders.speech(folder, progress), on_progress)

    def used(self, modality: Modality) -> None:
        """Its work is done, and its idle time begins now."""
        trim()  # a large picture leaves hundreds of megabytes of freed buffers
        self._used_s[modality] = self._clock()

    def unload(self, modality: Modality) -> bool:
        """Give its memory back to the system; False when there was nothing."""
        if self._loaded.pop(modality, None) is None:
            return False
        self._statuses[modality] = ModalityStatus(modality, loaded=False)
        give_back()
        _LOG.info("%s is unloaded", modality.value)
        return True

    def next_idle_s(self) -> float | None:
        """When the next one has been idle for long enough (in the clock's seconds), or None."""
        if not self._idle_unload_s:
            return None
        return min((self._used_s[m] + self._idle_unload_s for m in self._loaded), default=None)

    def unload_idle(self) -> bool:
        """Unload what was not used for so long; whether there was something."""
        now_s = self._clock()
        idle = [m for m in self._loaded if self._idle_unload_s and now_s - self._used_s[m] >= self._idle_unload_s]
        for modality in idle:
            self.unload(modality)
        return bool(idle)

    def _ensure(
        self, modality: Modality, load: Callable[[ProgressSink], _Loaded], on_progress: ProgressSink
    ) -> tuple[_Loaded, float]:
        load_s = 0.0
        if modality not in self._loaded:
            give_back()  # else it would be loaded into what others freed, and seem small
            before_bytes, began_s = _resident_bytes(), time.perf_counter()
            self._loaded[modality] = load(on_progress)
            load_s = time.perf_counter() - began_s
            held = max(0, _resident_bytes() - before_bytes)
            self._statuses[modality] = ModalityStatus(modality, loaded=True, bytes_held=held, load_s=load_s)
            _LOG.info("%s is loaded: %d bytes in %.2f s", modality.value, held, load_s)
        self._used_s[modality] = self._clock()
        part: _Loaded = self._loaded[modality]
        return part, load_s


def give_back() -> None:
    """Collect what nothing refers to, and return freed memory to the system."""
    gc.collect()
    trim()


def trim() -> None:
    """Return freed memory to the system: GNU's C library keeps it for later otherwise."""
    if sys.platform == "linux":
        malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if malloc_trim is not None:
            malloc_trim(0)


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)
