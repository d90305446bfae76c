"""Boxes of lines come out as a person reads them."""

from __future__ import annotations

import random

import pytest

from autoglm_desktop.engine.runtime.reading_order import Box, in_reading_order


def _order(boxes: dict[str, Box]) -> list[str]:
    """The same whatever order they were found in."""
    names = list(boxes)
    orders = set()
    for seed in range(5):
        random.Random(seed).shuffle(names)
        orders.add(tuple(in_reading_order(names, boxes.__getitem__)))
    (found,) = orders
    return list(found)


def _lines(names: str, left: int, top: int, width: int, *, pitch: int = 30, height: int = 20) -> dict[str, Box]:
    return {name: (left, top + i * pitch, left + width, top + i * pitch + height) for i, name in enumerate(names)}


def test_nothing_and_one() -> None:
    assert in_reading_order([], lambda item: item) == []
    assert _order(_lines("a", 0, 0, 100)) == ["a"]


def test_rows_from_the_top_and_cells_from_the_left() -> None:
    boxes = {"b": (200, 2, 260, 22), "a": (0, 0, 60, 20), "d": (210, 41, 260, 61), "c": (0, 43, 60, 63)}
    assert _order(boxes) == ["a", "b", "c", "d"]


def test_a_table_is_read_row_by_row() -> None:
    boxes = _lines("ace", 0, 0, 100) | _lines("bdf", 400, 1, 80)
    assert _order(boxes) == list("abcdef")


def test_two_columns_of_running_text_are_read_one_after_the_other() -> None:
    boxes = _lines("abcd", 0, 0, 480) | _lines("efg", 540, 3, 480)
    assert _order(boxes) == list("abcdefg")


def test_a_title_across_both_columns_comes_first_and_a_footer_last() -> None:
    boxes = {"t": (0, 0, 1020, 30), "z": (100, 400, 900, 420)}
    boxes |= _lines("abcd", 0, 60, 480) | _lines("efg", 540, 63, 480)
    assert _order(boxes) == ["t", *"abcdefg", "z"]


def test_a_side_bar_is_read_before_what_stands_beside_it() -> None:
    boxes = _lines("abcdef", 10, 0, 90, pitch=52) | _lines("uvwxyz", 300, 17, 260, pitch=44)
    assert _order(boxes) == list("abcdefuvwxyz")


def test_a_chat_with_bubbles_left_and_right_is_read_in_turns() -> None:
    boxes: dict[str, Box] = {}
    for turn, names in enumerate(("ab", "c", "def", "g", "h", "ijk", "l")):  # a bubble each, of one line and more
        top = 40 + 110 * turn
        boxes |= _lines(names, 420 if turn % 2 else 20, top, 360, pitch=24)
    assert _order(boxes) == list("abcdefghijkl")
    times = {"1": (350, 10, 450, 25), "2": (350, 460, 450, 470)}  # in the middle, as chats show them
    assert _order(boxes | times) == list("1abcdefg2hijkl")
    seen = {"s": (330, 152, 380, 166)}  # a mark beside one bubble
    assert _order(boxes | seen) == list("abscdefghijkl")


@pytest.mark.parametrize("overlap", [0, 2, 4])
def test_boxes_of_neighbouring_lines_may_touch(overlap: int) -> None:
    boxes = _lines("abcdef", 0, 0, 300, pitch=20 - overlap)
    assert _order(boxes) == list("abcdef")


def test_many_boxes_take_no_time() -> None:
    dice = random.Random(3)
    boxes = {
        str(i): (x := dice.randrange(1800), y := dice.randrange(1000), x + dice.randrange(20, 300), y + 20)
        for i in range(400)
    }
    assert sorted(_order(boxes)) == sorted(boxes)
