"""A ring of samples between an audio callback and the thread that works on them."""

from __future__ import annotations

import numpy as np

from .audio import Samples


class RingBuffer:
    """One writer, one reader, no lock: each side moves one counter that only grows.

    The memory is taken once. What does not fit because the reader is late is counted, never waited for.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity` in samples."""
        self._ring: Samples = np.zeros(capacity, np.int16)
        self._capacity = capacity
        self.written = 0
        """Samples that were put in."""
        self._taken = 0
        self.dropped = 0
        """Samples that found no room."""

    def write(self, block: Samples) -> None:
        """Copy a block in, as far as there is room. Called by the audio callback."""
        room = self._capacity - (self.written - self._taken)
        count = min(len(block), room)
        at = self.written % self._capacity
        first = min(count, self._capacity - at)
        self._ring[at : at + first] = block[:first]
        self._ring[: count - first] = block[first:count]
        self.dropped += len(block) - count
        self.written += count

    def read(self) -> Samples:
        """Everything that is new, as a copy of its own. Called by the reader."""
        end = self.written
        at, count = self._taken % self._capacity, end - self._taken
        first = min(count, self._capacity - at)
        found = np.concatenate((self._ring[at : at + first], self._ring[: count - first]))
        self._taken = end
        return found
