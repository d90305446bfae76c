"""Where speech begins and ends: the Silero detector (MIT licence), as the faster-whisper package ships it.

The network looks at 32 ms at a time and remembers what came before. Only its file is taken from that package, whose
code is not imported. https://github.com/snakers4/silero-vad
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.pins import require_pinned

from .audio import RATE_HZ, Samples, as_floats

FRAME = 512
"""Samples that the network looks at in one step, 32 ms."""
_CONTEXT = 64
_CUT_FRAMES = 3
_STATE = (1, 1, 128)

Probability: TypeAlias = Callable[[NDArray[np.float32]], float]
"""How likely a frame of 512 samples between -1 and 1 holds speech. It remembers the frames before."""


class SileroModel:
    """The network, on one thread of onnxruntime. Loaded when it is made; use it on one thread only."""

    def __init__(self) -> None:
        """Raises AppError ENGINE_FAILED when the file or onnxruntime is missing or does not load."""
        self._session = _session()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._h: Any = np.zeros(_STATE, np.float32)
        self._c: Any = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)

    def __call__(self, frame: NDArray[np.float32]) -> float:
        given = np.concatenate((self._context, frame))[np.newaxis]
        found, self._h, self._c = self._session.run(None, {"input": given, "h": self._h, "c": self._c})
        self._context = frame[-_CONTEXT:]
        return float(np.ravel(found)[0])


@dataclass(frozen=True, slots=True)
class Limits:
    """When speech counts. Probabilities for its begin and its end differ, so that a doubtful frame changes nothing."""

    begins_at: float = 0.5
    ends_below: float = 0.35
    least_speech_s: float = 0.25
    """Of frames with speech before it counts: a click or a cough is shorter."""
    ends_after_s: float = 0.8
    """Of silence."""
    before_s: float = 0.4
    """Kept from before the first frame with speech: it begins softly."""
    longest_s: float = 30.0


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Somebody speaks."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said, with a little of the silence around it.

    `cut`: it was longer than the limit, and another one follows that belongs to it; the last one may be silence.
    """

    samples: Samples
    cut: bool = False


class UtteranceFinder:
    """Finds utterances in a stream of samples. Frames go through `probability` exactly once, in order."""

    def __init__(self, probability: Probability, limits: Limits | None = None) -> None:
        self._probability = probability
        self._limits = limits or Limits()
        self._rest: Samples = np.zeros(0, np.int16)
        self._frames: list[Samples] = []
        self._speech_s = self._silence_s = 0.0
        self._open = self._told = False

    def feed(self, samples: Samples) -> list[SpeechBegan | Utterance]:
        """Take samples; what they brought to light, in order."""
        self._rest = np.concatenate((self._rest, samples))
        found: list[SpeechBegan | Utterance] = []
        whole = len(self._rest) // FRAME * FRAME
        for at in range(0, whole, FRAME):
            found += self._step(self._rest[at : at + FRAME])
        self._rest = self._rest[whole:]
        return found

    def _step(self, frame: Samples) -> list[SpeechBegan | Utterance]:
        limits, frame_s = self._limits, FRAME / RATE_HZ
        probability = self._probability(as_floats(frame))
        self._frames.append(frame)
        if probability >= limits.begins_at:
            self._open, self._silence_s = True, 0.0
            self._speech_s += frame_s
        elif self._open and probability >= limits.ends_below:
            self._silence_s = 0.0
        elif self._open:
            self._silence_s += frame_s
        else:
            self._frames = self._frames[-round(limits.before_s / frame_s) :]
        return self._news()

    def _news(self) -> list[SpeechBegan | Utterance]:
        limits = self._limits
        if not self._open:
            return []
        found: list[SpeechBegan | Utterance] = []
        if not self._told and self._speech_s >= limits.least_speech_s:
            self._told = True
            found.append(SpeechBegan())
        if self._silence_s >= limits.ends_after_s:
            if self._told:
                found.append(Utterance(np.concatenate(self._frames)))
            self._frames, self._open, self._told = [], False, False
            self._speech_s = self._silence_s = 0.0
        elif len(self._frames) * FRAME >= limits.longest_s * RATE_HZ:
            at = _quietest(self._frames)
            if self._told:
                found.append(Utterance(np.concatenate(self._frames[:at]), cut=True))
            self._frames = self._frames[at:]
        return found


def _quietest(frames: list[Samples]) -> int:
    """Where to cut: behind the quietest three frames of the last third, so that no word is torn."""
    powers = [float(np.mean(np.square(frame, dtype=np.float32))) for frame in frames]
    around = np.convolve(powers, np.ones(_CUT_FRAMES), "valid")
    first = len(around) * 2 // 3
    return first + int(np.argmin(around[first:])) + _CUT_FRAMES


def model_file() -> Path:
    """The network's file. Raises AppError ENGINE_FAILED when it is not there, or another one."""
    spec = find_spec("faster_whisper")
    folder = Path(spec.origin).parent / "assets" if spec is not None and spec.origin else None
    files = sorted(folder.glob("silero_vad*.onnx")) if folder is not None else []
    if not files:
        raise _missing("no silero_vad*.onnx in faster_whisper/assets")
    return require_pinned(files[-1])


def _session() -> Any:
    path = model_file()
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing(str(error)) from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no base class of its own errors
        raise _missing(str(error)) from error


def _missing(details: str) -> AppError:
    return AppError(
        ErrorCode.ENGINE_FAILED,
        msg("The detector that hears when somebody speaks could not be loaded."),
        msg("Install the application again, or hold the microphone button to talk."),
        details=details,
    )
