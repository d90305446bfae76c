"""In which order a person reads the lines found in an image: rows from the top, columns one after the other.

A recursive X-Y cut (Nagy and Seth, 1984): where an empty band runs through all of a region, what is on one side of it
is read before what is on the other. An upright band is taken for a gutter between columns only if the two sides stand
beside each other, unlike the bubbles of a chat, and are not the cells of a table, which is read row by row. Lines of
Chinese and Japanese that run downwards are read from the right: on its side such a page is one with rows.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

_GUTTER = 0.6
"""Width of a gutter at least, in heights of a line."""
_LONG = 12.0
"""A line so many times as wide as high is one of running text where most lines fill their column."""
_NARROW = 4.0
"""The same in a narrow column of words."""
_NARROW_HAN = 6.0
"""The same for Chinese, which has no small letters to tell that: from seven characters on."""
_FULL = 0.7
"""Share of its column's width that a line of running text fills: the last one of a paragraph does not."""
_FULL_LINES = 0.6
"""Share of full lines from which on they are running text."""
_RUNNING_ON = 0.3
"""Share of lines that begin with a small letter from which on they are running text: cells begin with a capital."""
_WORDS = 4
_ALIGNED = 0.6
"""Share of lines with a neighbour at the same height from which on two sides are taken for a table."""
_BESIDE = 0.25
"""Share of lines with something beside them on the other side from which on two sides are taken for columns."""
_LEAST_LINES = 3
"""A column has at least so many lines."""
_OVERLAP = 0.2
"""Share of a line's height by which its box may reach into the next line's, above and below."""
_TALL = 2.0
"""A box so many times as high as wide holds a line that runs downwards."""
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
"""Chinese characters and kana."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _Line:
    """`index` is the item's place among those given."""

    index: int
    box: Box
    text: str

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]


def in_reading_order(
    items: Sequence[_Item], box: Callable[[_Item], Box], text: Callable[[_Item], str] = lambda _: ""
) -> list[_Item]:
    """The items, ordered by their boxes; what is written in them helps to tell columns from tables."""
    return [items[index] for index in _ordered([_Line(i, box(item), text(item)) for i, item in enumerate(items)])]


def runs_downwards(boxes: Sequence[Box]) -> bool:
    """Whether most of the text in these boxes stands in upright lines."""
    tall = [bottom - top for left, top, right, bottom in boxes if bottom - top >= _TALL * (right - left)]
    wide = [right - left for left, top, right, bottom in boxes if right - left >= bottom - top]
    return len(tall) > 1 and sum(tall) > 2 * sum(wide)


def is_chinese(text: str) -> bool:
    """Whether most characters are Chinese or kana."""
    return 2 * len(_HAN.findall(text)) > len("".join(text.split()))


_Region = list[_Line]


def _ordered(region: _Region) -> list[int]:
    if len(region) < 2:
        return [line.index for line in region]
    if runs_downwards([line.box for line in region]):
        tiers = _bands(region)
        turned = [[_on_its_side(line) for line in region]]
        return [index for part in (tiers if len(tiers) > 1 else turned) for index in _ordered(part)]
    columns = _columns(region)
    if columns is not None:
        return _ordered(columns[0]) + _ordered(columns[1])
    bands = _bands(region)
    if len(bands) > 1:
        return [index for group in _grouped(bands) for index in _ordered(group)]
    return [line.index for row in _rows(region) for line in sorted(row, key=lambda line: line.box[0])]


def _on_its_side(line: _Line) -> _Line:
    """Turned to the left by a quarter: the rightmost upright line is the uppermost row then."""
    left, top, right, bottom = line.box
    return replace(line, box=(top, -right, bottom, -left))


def _columns(region: _Region) -> tuple[_Region, _Region] | None:
    """The region left and right of its gutter, if that parts columns."""
    sides = _gutter(region)
    if sides is None or min(map(len, sides)) < _LEAST_LINES or _alternate(*sides) or _is_table(*sides):
        return None
    return sides


def _gutter(region: _Region) -> tuple[_Region, _Region] | None:
    """The region left and right of its widest empty upright band, if that is wide enough."""
    height = statistics.median(line.height for line in region)
    ordered = sorted(region, key=lambda line: line.box[0])
    reach, widest, at = ordered[0].box[2], 0, 0
    for place, line in enumerate(ordered):
        if line.box[0] - reach > widest:
            widest, at = line.box[0] - reach, place
        reach = max(reach, line.box[2])
    return (ordered[:at], ordered[at:]) if at and widest >= _GUTTER * height else None


def _alternate(left: _Region, right: _Region) -> bool:
    """Whether the sides take turns from top to bottom: what is said left and answered right."""
    few, many = sorted((left, right), key=len)
    beside = sum(any(_beside(line.box, other.box) for other in many) for line in few)
    return beside < _BESIDE * len(few)


def _is_table(left: _Region, right: _Region) -> bool:
    if _is_running_text(left) and _is_running_text(right):
        return False
    few, many = sorted((left, right), key=len)
    aligned = sum(any(_same_row(line.box, other.box) for other in many) for line in few)
    return aligned >= _ALIGNED * len(few)


def _is_running_text(region: _Region) -> bool:
    """Whether the lines go on from one to the next: long enough, most of them as wide as their column."""
    sides = _gutter(region)
    if sides is not None and min(map(len, sides)) >= _LEAST_LINES:
        return _is_running_text(sides[0]) and _is_running_text(sides[1])
    column = max(line.box[2] for line in region) - min(line.box[0] for line in region)
    full = sum(line.width >= _FULL * column for line in region)
    aspect = statistics.median(line.width / max(1, line.height) for line in region)
    if full < _FULL_LINES * len(region):
        return False
    if is_chinese("".join(line.text for line in region)):
        return aspect >= _NARROW_HAN
    return aspect >= (_NARROW if _is_wordy(region) else _LONG)


def _is_wordy(region: _Region) -> bool:
    """Whether the lines are pieces of sentences: many begin with a small letter, or half of them hold four words."""
    small = sum(line.text[:1].islower() for line in region)
    words = statistics.median(len(line.text.split()) for line in region)
    return small >= _RUNNING_ON * len(region) or words >= _WORDS


def _bands(region: _Region) -> list[_Region]:
    """The region cut at every empty band that runs across it. Boxes of neighbouring lines may overlap a little."""
    bands: list[_Region] = []
    reach = 0.0
    for line in sorted(region, key=lambda line: line.box[1]):
        margin = _OVERLAP * min(line.width, line.height)
        if not bands or line.box[1] + margin >= reach:
            bands.append([])
            reach = line.box[1]
        bands[-1].append(line)
        reach = max(reach, line.box[3] - margin)
    return bands


def _grouped(bands: list[_Region]) -> list[_Region]:
    """Bands that share a gutter, together: a page of two columns is a pile of rows, too, below a title across it."""
    groups: list[_Region] = []
    for band in bands:
        if groups and _gutter(groups[-1]) is not None and _gutter(groups[-1] + band) is not None:
            groups[-1] = groups[-1] + band
        else:
            groups.append(band)
    return groups if len(groups) > 1 else bands


def _rows(region: _Region) -> list[_Region]:
    """Lines that stand beside each other, as rows from the top: for what no cut parts."""
    rows: list[_Region] = []
    for line in sorted(region, key=lambda line: line.box[1] + line.box[3]):
        if rows and _same_row(rows[-1][-1].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _beside(one: Box, other: Box) -> bool:
    """Whether they overlap in height by more than boxes of neighbouring lines do."""
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap > _OVERLAP * min(one[3] - one[1], other[3] - other[1])


def _same_row(one: Box, other: Box) -> bool:
    """Whether they overlap by half of the lower one's height."""
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap * 2 > min(one[3] - one[1], other[3] - other[1])
