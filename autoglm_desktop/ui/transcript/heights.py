"""Heights of all rows, measured or guessed, and where each of them begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class Heights:
    """A column of heights in logical pixels with `gap` between them."""

    def __init__(self, gap: int) -> None:
        self._gap = gap
        self._heights: list[int] = []
        self._tops: list[int] | None = None

    def reset(self, heights: Sequence[int]) -> None:
        self._heights, self._tops = list(heights), None

    def append(self, height: int) -> None:
        self.insert(len(self._heights), height)

    def insert(self, index: int, height: int) -> None:
        self._heights.insert(index, height)
        self._tops = None

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def set(self, index: int, height: int) -> None:
        if self._heights[index] != height:
            self._heights[index], self._tops = height, None

    def truncate(self, length: int) -> None:
        del self._heights[length:]
        self._tops = None

    def top(self, index: int) -> int:
        """Where row `index` begins; `len(self)` gives the total with a gap behind it."""
        return self._all()[index]

    @property
    def total(self) -> int:
        """Height of everything."""
        return self._all()[-1] - self._gap if self._heights else 0

    def at(self, y: int) -> int:
        """The row at `y`, the nearest one beyond the ends; -1 when there is none."""
        found = bisect_right(self._all(), y) - 1
        return min(max(found, 0), len(self._heights) - 1)

    def _all(self) -> list[int]:
        if self._tops is None:
            self._tops = list(accumulate((height + self._gap for height in self._heights), initial=0))
        return self._tops
