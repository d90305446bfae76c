"""Which way up a picture of text stands, judged by its lines: how they lie, and which way up they read better.

The recogniser turns upright boxes to the left by a quarter, so it reads Chinese columns and pages that lie on their
right side as they are. What stands on its head to it reads badly: such lines are read again turned around. All of it
costs an upright page nothing, because its lines are sure at the first time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoglm_desktop.core.perception import TextLine

from .reading_order import Box, is_chinese, runs_downwards

SURE = 0.85
"""Lines of lower confidence are read again, turned around: text on its head gets 0.5 to 0.8."""
_BETTER = 0.15
"""By how much a line is surer turned around, if that is the right way."""
_LENGTHY = 2.0
"""A box so many times as long as wide says how its text lies."""


@dataclass(frozen=True, slots=True)
class Found:
    """A line as it was found. `reread`: it was read turned around, too; `flipped`: and that was the right way.

    `slope_rad`: how far it is turned clockwise, as on a page that lies askew.
    """

    line: TextLine
    reread: bool = False
    flipped: bool = False
    slope_rad: float = 0.0


def is_lengthy(box: Box) -> bool:
    """Whether the box is long enough to say how its text lies."""
    left, top, right, bottom = box
    short, long = sorted((right - left, bottom - top))
    return long >= _LENGTHY * short


def is_better(turned: float, confidence: float) -> bool:
    """Whether the confidence of a line turned around speaks for it."""
    return turned >= confidence + _BETTER and turned > SURE - _BETTER / 2


def quarter_turns(found: Sequence[Found]) -> int:
    """By how many quarters to the left the picture has to be turned so that its lines can be read from left to right.

    None where upright lines are Chinese: they are written so, and read as they are.
    """
    lengthy = [one for one in found if is_lengthy(one.line.box)]
    reread = [one for one in lengthy if one.reread]
    flipped = [one for one in reread if one.flipped]
    unsure = [one for one in lengthy if one.flipped or one.line.confidence < SURE]
    on_its_head = 2 * len(unsure) > len(lengthy) and 2 * len(flipped) > len(reread)
    if not runs_downwards([one.line.box for one in lengthy]):
        return 2 if on_its_head else 0
    if on_its_head:
        return 3
    return 0 if is_chinese("".join(one.line.text for one in lengthy)) else 1


def is_doubtful(found: Sequence[Found]) -> bool:
    """Whether most of the text, by its length in the picture, was read badly or not at all."""
    lengths = [max(right - left, bottom - top) for left, top, right, bottom in (one.line.box for one in found)]
    unsure = sum(length for one, length in zip(found, lengths, strict=True) if one.line.confidence < SURE)
    return 2 * unsure > sum(lengths)


def turned_back(line: TextLine, turns: int, width: int, height: int) -> TextLine:
    """The line of a picture that was turned to the left, in pixels of the picture itself (`width` by `height`)."""
    left, top, right, bottom = line.box
    box = {
        0: line.box,
        1: (width - bottom, left, width - top, right),
        2: (width - right, height - bottom, width - left, height - top),
        3: (top, height - right, bottom, height - left),
    }[turns]
    return TextLine(line.text, line.confidence, box)
