"""Sound of a device that does not run at 16 kHz with one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .audio import RATE_HZ, Samples

if TYPE_CHECKING:
    from av import AudioFrame


class Resampler:
    """Takes interleaved samples as they come, any number at a time. FFmpeg's (in PyAV), loaded when it is needed."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        import av

        self._av = av
        self._rate_hz, self._channels = rate_hz, channels
        self._rest: Samples = np.zeros(0, np.int16)
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)

    def feed(self, samples: Samples) -> Samples:
        """What can be told of them until now."""
        samples = np.concatenate((self._rest, samples))
        whole = len(samples) // self._channels * self._channels
        self._rest = samples[whole:]
        if not whole:
            return np.zeros(0, np.int16)
        mixed = samples[:whole].reshape(-1, self._channels).mean(axis=1).astype(np.int16)
        frame = self._av.AudioFrame.from_ndarray(mixed[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self._rate_hz
        return self._joined(frame)

    def finish(self) -> Samples:
        """What was still held back."""
        return self._joined(None)

    def _joined(self, frame: AudioFrame | None) -> Samples:
        parts = [np.asarray(part.to_ndarray(), np.int16).reshape(-1) for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)
