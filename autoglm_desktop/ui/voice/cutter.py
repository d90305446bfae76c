"""Cuts a long recording at its pauses, so that its first part can be written down while the rest is spoken. Pure."""

from __future__ import annotations

import numpy as np

from autoglm_desktop.devices.audio import RATE_HZ, Samples

_FRAME = 800
"""50 ms."""
_PAUSE_FRAMES = 6
_QUIET = 0.02
"""A pause has at most this share of the part's mean power (17 dB below it)."""


class Cutter:
    """Gives parts of at least `least_s` and at most `most_s` seconds; together they are what was fed."""

    def __init__(self, least_s: float = 8.0, most_s: float = 20.0) -> None:
        self._least, self._most = round(least_s * RATE_HZ), round(most_s * RATE_HZ)
        self._rest: Samples = np.zeros(0, np.int16)
        self._looked = 0

    def feed(self, samples: Samples) -> list[Samples]:
        """Take samples; the parts that are finished by them, in order."""
        self._rest = np.concatenate((self._rest, samples))
        parts: list[Samples] = []
        while len(self._rest) >= self._least and len(self._rest) - self._looked >= RATE_HZ // 2:
            at = self._place()
            if at is None:
                self._looked = len(self._rest)
                break
            parts.append(self._rest[:at])
            self._rest, self._looked = self._rest[at:], 0
        return parts

    def rest(self) -> Samples:
        """What is left at the end."""
        found, self._rest = self._rest, np.zeros(0, np.int16)
        return found

    def _place(self) -> int | None:
        """Where to cut: in the quietest moment of the later half, if that is a pause or if it cannot wait."""
        window = self._rest[: self._most]
        frames = window[: len(window) // _FRAME * _FRAME].reshape(-1, _FRAME)
        power = np.mean(np.square(frames, dtype=np.float32), axis=1)
        around = np.convolve(power, np.full(_PAUSE_FRAMES, 1 / _PAUSE_FRAMES, np.float32), "valid")
        first = len(power) // 2
        quietest = first + int(np.argmin(around[first:]))
        if around[quietest] > _QUIET * float(np.mean(power)) and len(self._rest) < self._most:
            return None
        return (quietest + _PAUSE_FRAMES // 2) * _FRAME
