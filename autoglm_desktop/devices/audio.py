"""Recorded sound as the product handles it: 16 kHz, one channel, 16 bit."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
Samples: TypeAlias = NDArray[np.int16]

_FLOOR_DB = -60.0
_FULL_SCALE = 32_768.0


def level_of(samples: Samples) -> float:
    """Loudness between 0 (-60 dB of full scale or less) and 1 (full scale), from the root of the mean square."""
    if not samples.size:
        return 0.0
    power = float(np.mean(np.square(samples, dtype=np.float32))) / _FULL_SCALE**2
    if power <= 0.0:
        return 0.0
    return min(1.0, max(0.0, 1.0 - 10.0 * math.log10(power) / _FLOOR_DB))


def write_wav(path: Path, samples: Samples) -> None:
    """Write `samples` as a WAV file. Raises OSError."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2", copy=False).tobytes())


def as_floats(samples: Samples) -> NDArray[np.float32]:
    """The same between -1 and 1."""
    return samples.astype(np.float32) / np.float32(_FULL_SCALE)
