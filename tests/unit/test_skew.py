"""Lines of a page that lies askew, as they would stand on a straight one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.core.perception import TextLine
from autoglm_desktop.engine.runtime.orientation import Found
from autoglm_desktop.engine.runtime.reading_order import Box, in_reading_order
from autoglm_desktop.engine.runtime.skew import Corners, from_upper_left, levelled, slope_rad

ROWS: list[Box] = [(60, 40 + 36 * row, 960, 64 + 36 * row) for row in range(6)]
UPRIGHT: list[Box] = [(900 - 60 * column, 40, 930 - 60 * column, 640) for column in range(5)]


def _turned(box: Box, degrees: float) -> Corners:
    """Corners of the box on a page turned clockwise around its upper left corner."""
    left, top, right, bottom = box
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return np.array([(x * cosine - y * sine, x * sine + y * cosine) for x, y in corners], np.float32)


def _found(box: Box, degrees: float) -> Found:
    corners = _turned(box, degrees)
    left, top = corners.min(axis=0).round().astype(int)
    right, bottom = corners.max(axis=0).round().astype(int)
    around = (int(left), int(top), int(right), int(bottom))
    return Found(TextLine(str(box), 0.99, around), slope_rad=slope_rad(corners))


@pytest.mark.parametrize("boxes", [ROWS, UPRIGHT])
@given(degrees=st.floats(-15.0, 15.0).filter(lambda value: abs(value) >= 0.6))
def test_boxes_of_a_page_askew_are_those_of_the_straight_page(boxes: list[Box], degrees: float) -> None:
    straight = levelled([_found(box, degrees) for box in boxes])
    assert np.abs(np.array(straight) - np.array(boxes)).max() <= 3


@pytest.mark.parametrize("degrees", [-5.0, -3.0, -2.0, 2.0, 3.0, 5.0])
def test_rows_askew_are_read_from_the_top(degrees: float) -> None:
    found = [_found(box, degrees) for box in ROWS]
    pairs = list(zip(found, levelled(found), strict=True))
    ordered = in_reading_order(pairs[::-1], lambda pair: pair[1])
    assert [one.line.text for one, _ in ordered] == [str(box) for box in ROWS]


@pytest.mark.parametrize("degrees", [0.0, 0.3, 30.0])
def test_straight_pages_and_text_at_a_slant_keep_their_boxes(degrees: float) -> None:
    found = [_found(box, degrees) for box in ROWS]
    assert levelled(found) == [one.line.box for one in found]


def test_one_line_at_a_slant_does_not_turn_the_page() -> None:
    found = [_found(box, 0.0) for box in ROWS] + [_found((100, 400, 500, 440), 12.0)]
    assert levelled(found) == [one.line.box for one in found]


@pytest.mark.parametrize("box", [ROWS[0], UPRIGHT[0]])
@pytest.mark.parametrize("degrees", [-12.0, -5.0, 0.0, 5.0, 12.0])
@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_corners_are_put_in_order_whichever_came_first(box: Box, degrees: float, first: int) -> None:
    corners = _turned(box, degrees)
    assert np.array_equal(from_upper_left(np.roll(corners, first, axis=0)), corners)


def test_a_page_without_lines_has_none_to_level() -> None:
    assert levelled([]) == []
