"""In which order a person reads the lines found in an image: rows from the top, columns one after the other.

A recursive X-Y cut (Nagy and Seth, 1984): where an empty band runs through all of a region, what is on one side of it
is read before what is on the other. An upright band is taken for a gutter between columns only if the two sides stand
beside each other, unlike the bubbles of a chat, and are not the cells of a table, which is read row by row.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""

_GUTTER = 1.0
"""Width of a gutter at least, in heights of a line."""
_LONG = 12.0
"""A line so many times as wide as high is one of running text, not a cell of a table."""
_ALIGNED = 0.6
"""Share of lines with a neighbour at the same height from which on two sides are taken for a table."""
_BESIDE = 0.25
"""Share of lines with something beside them on the other side from which on two sides are taken for columns."""
_LEAST_LINES = 3
"""A column has at least so many lines."""
_OVERLAP = 0.2
"""Share of a line's height by which its box may reach into the next line's, above and below."""

_Item = TypeVar("_Item")


def in_reading_order(items: Sequence[_Item], box: Callable[[_Item], Box]) -> list[_Item]:
    """The items, ordered by their boxes."""
    return [items[index] for index in _ordered([(index, box(item)) for index, item in enumerate(items)])]


_Region = list[tuple[int, Box]]


def _ordered(region: _Region) -> list[int]:
    if len(region) < 2:
        return [index for index, _ in region]
    columns = _columns(region)
    if columns is not None:
        return _ordered(columns[0]) + _ordered(columns[1])
    bands = _bands(region)
    if len(bands) > 1:
        return [index for group in _grouped(bands) for index in _ordered(group)]
    return [index for row in _rows(region) for index, _ in sorted(row, key=lambda item: item[1][0])]


def _columns(region: _Region) -> tuple[_Region, _Region] | None:
    """The region left and right of its gutter, if that parts columns."""
    sides = _gutter(region)
    if sides is None or min(map(len, sides)) < _LEAST_LINES or _alternate(*sides) or _is_table(*sides):
        return None
    return sides


def _gutter(region: _Region) -> tuple[_Region, _Region] | None:
    """The region left and right of its widest empty upright band, if that is wide enough."""
    height = statistics.median(bottom - top for _, (_, top, _, bottom) in region)
    ordered = sorted(region, key=lambda item: item[1][0])
    reach, widest, at = ordered[0][1][2], 0, 0
    for place, (_, (left, _, right, _)) in enumerate(ordered):
        if left - reach > widest:
            widest, at = left - reach, place
        reach = max(reach, right)
    return (ordered[:at], ordered[at:]) if at and widest >= _GUTTER * height else None


def _alternate(left: _Region, right: _Region) -> bool:
    """Whether the sides take turns from top to bottom: what is said left and answered right."""
    few, many = sorted((left, right), key=len)
    beside = sum(any(_beside(box, other) for _, other in many) for _, box in few)
    return beside < _BESIDE * len(few)


def _is_table(left: _Region, right: _Region) -> bool:
    if _is_running_text(left) and _is_running_text(right):
        return False
    few, many = sorted((left, right), key=len)
    aligned = sum(any(_same_row(box, other) for _, other in many) for _, box in few)
    return aligned >= _ALIGNED * len(few)


def _is_running_text(region: _Region) -> bool:
    return statistics.median((right - left) / max(1, bottom - top) for _, (left, top, right, bottom) in region) >= _LONG


def _bands(region: _Region) -> list[_Region]:
    """The region cut at every empty band that runs across it. Boxes of neighbouring lines may overlap a little."""
    bands: list[_Region] = []
    reach = 0.0
    for item in sorted(region, key=lambda item: item[1][1]):
        _, (_, top, _, bottom) = item
        margin = _OVERLAP * (bottom - top)
        if not bands or top + margin >= reach:
            bands.append([])
            reach = 0.0
        bands[-1].append(item)
        reach = max(reach, bottom - margin)
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
    for item in sorted(region, key=lambda item: item[1][1] + item[1][3]):
        if rows and _same_row(rows[-1][-1][1], item[1]):
            rows[-1].append(item)
        else:
            rows.append([item])
    return rows


def _beside(one: Box, other: Box) -> bool:
    """Whether they overlap in height by more than boxes of neighbouring lines do."""
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap > _OVERLAP * min(one[3] - one[1], other[3] - other[1])


def _same_row(one: Box, other: Box) -> bool:
    """Whether they overlap by half of the lower one's height."""
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap * 2 > min(one[3] - one[1], other[3] - other[1])
