"""Heights of all rows, measured or guessed, and where each of them begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class Heights:
    """A column of heights in logical pixels with `gap` between them."""

    def __init__(self, gap: int) -> None:
        self._gap = gap
        self._steps: list[int] = []
        self._tops: list[int] | None = None

    def reset(self, heights: Sequence[int]) -> None:
        self._steps, self._tops = [height + self._gap for height in heights], None

    def append(self, height: int) -> None:
        self.insert(len(self._steps), height)

    def insert(self, index: int, height: int) -> None:
        self._steps.insert(index, height + self._gap)
        self._tops = None

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> int:
        return self._steps[index] - self._gap

    def set(self, index: int, height: int) -> None:
        if self[index] != height:
            self._steps[index], self._tops = height + self._gap, None

    def truncate(self, length: int) -> None:
        del self._steps[length:]
        self._tops = None

    def top(self, index: int) -> int:
        """Where row `index` begins; `len(self)` gives the total with a gap behind it."""
        return self._all()[index]

    @property
    def total(self) -> int:
        """Height of everything."""
        return self._all()[-1] - self._gap if self._steps else 0

    def at(self, y: int) -> int:
        """The row at `y`, the nearest one beyond the ends; -1 when there is none."""
        found = bisect_right(self._all(), y) - 1
        return min(max(found, 0), len(self._steps) - 1)

    def _all(self) -> list[int]:
        if self._tops is None:
            self._tops = list(accumulate(self._steps, initial=0))
        return self._tops
