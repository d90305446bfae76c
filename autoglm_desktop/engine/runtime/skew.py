"""How far a page was photographed or scanned askew, and where its lines would stand on a straight one.

Boxes of lines that rise or fall overlap those above and below, so that neither rows nor gutters can be seen in them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .orientation import Found, is_lengthy
from .reading_order import Box

Corners: TypeAlias = NDArray[np.float32]
"""[4, 2]: x and y of a line's corners, clockwise."""

_LEAST_RAD = math.radians(0.5)
"""Less is how exactly lines are found."""
_MOST_RAD = math.radians(20)
"""More is no skew, but text that was set at a slant."""


def from_upper_left(corners: Corners) -> Corners:
    """The corners, clockwise, from the one at which the line's upper side begins.

    The detector begins with one of the two leftmost: those of a tall line that leans may both be above, or below.
    """
    orders = (np.roll(corners, turns, axis=0) for turns in range(4))
    return max(orders, key=lambda order: math.cos(_rad(order[1] - order[0])))


def slope_rad(corners: Corners) -> float:
    """By how much a line's longer side is turned clockwise. `corners`: from the upper left one, clockwise."""
    across, down = corners[1] - corners[0], corners[3] - corners[0]
    if np.hypot(*across) >= np.hypot(*down):
        return _rad(across)
    return math.atan2(-float(down[0]), float(down[1]))


def _rad(side: NDArray[np.float32]) -> float:
    return math.atan2(float(side[1]), float(side[0]))


def levelled(found: Sequence[Found]) -> list[Box]:
    """The boxes of a page's lines after it was set straight; as they are where it stands straight already."""
    slopes = [one.slope_rad for one in found if is_lengthy(one.line.box) and abs(one.slope_rad) <= _MOST_RAD]
    page_rad = statistics.median(slopes) if slopes else 0.0
    if abs(page_rad) < _LEAST_RAD:
        return [one.line.box for one in found]
    return [_levelled(one, page_rad) for one in found]


def _levelled(one: Found, page_rad: float) -> Box:
    """The centre turned back with the page, and the sides that its own slope leaves of the upright box."""
    left, top, right, bottom = one.line.box
    own_rad = one.slope_rad if abs(one.slope_rad) <= _MOST_RAD else 0.0
    wide, high = _sides(right - left, bottom - top, abs(own_rad))
    x, y = (left + right) / 2, (top + bottom) / 2
    sine, cosine = math.sin(page_rad), math.cos(page_rad)
    x, y = x * cosine + y * sine, y * cosine - x * sine
    return round(x - wide / 2), round(y - high / 2), round(x + wide / 2), round(y + high / 2)


def _sides(width: int, height: int, rad: float) -> tuple[float, float]:
    """Of a rectangle that was turned, by the box around it."""
    sine, cosine, both = math.sin(rad), math.cos(rad), math.cos(2 * rad)
    return max(1.0, (width * cosine - height * sine) / both), max(1.0, (height * cosine - width * sine) / both)
