"""Which way up a picture of text stands, by its lines, and whether its reading is to be trusted."""

from __future__ import annotations

import pytest

from autoglm_desktop.core.perception import TextLine
from autoglm_desktop.engine.runtime.orientation import (
    Found,
    is_better,
    is_doubtful,
    is_lengthy,
    quarter_turns,
    turned_back,
)

WIDE, TALL = (10, 20, 410, 50), (10, 20, 40, 420)


def _lines(
    count: int, box: tuple[int, int, int, int], text: str = "some words", confidence: float = 0.99
) -> list[Found]:
    return [Found(TextLine(text, confidence, box))] * count


def _flipped(count: int, box: tuple[int, int, int, int]) -> list[Found]:
    return [Found(TextLine("some words", 0.99, box), reread=True, flipped=True)] * count


@pytest.mark.parametrize(
    ("found", "turns"),
    [
        ([], 0),
        (_lines(5, WIDE), 0),
        (_lines(5, TALL), 1),
        (_lines(5, TALL, "床前明月光疑"), 0),
        (_flipped(5, WIDE), 2),
        (_flipped(5, TALL), 3),
        (_flipped(3, WIDE) + _lines(2, WIDE, "", 0.0), 2),
        (_lines(4, WIDE) + _flipped(1, TALL), 0),
        (_flipped(1, WIDE) + [Found(TextLine("a b", 0.6, WIDE), reread=True)] * 4, 0),
        (_lines(5, (0, 0, 30, 30)), 0),
    ],
    ids=[
        "nothing", "upright", "on its right side", "Chinese columns", "on its head", "on its left side",
        "partly unreadable", "the label of an axis", "blurred", "single letters",
    ],
)  # fmt: skip
def test_the_turn_that_sets_a_picture_upright(found: list[Found], turns: int) -> None:
    assert quarter_turns(found) == turns


def test_a_reading_turned_around_counts_only_where_it_is_much_surer() -> None:
    assert is_better(0.98, 0.7)
    assert not is_better(0.84, 0.8)
    assert not is_better(0.6, 0.3)


def test_boxes_say_how_text_lies_only_if_they_are_long() -> None:
    assert is_lengthy(WIDE)
    assert is_lengthy(TALL)
    assert not is_lengthy((0, 0, 30, 40))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_boxes_are_turned_back_to_the_picture_as_it_is(turns: int) -> None:
    from PIL import Image

    picture = Image.new("L", (60, 40))
    picture.paste(255, (5, 8, 25, 14))
    turned = picture.rotate(90 * turns, expand=True)
    box = turned.getbbox()
    assert box is not None
    assert turned_back(TextLine("x", 1.0, box), turns, 60, 40).box == (5, 8, 25, 14)


def test_a_reading_is_doubtful_where_most_of_its_length_is_unsure() -> None:
    assert not is_doubtful([])
    assert not is_doubtful(_lines(5, WIDE) + _lines(2, WIDE, "x", 0.6))
    assert is_doubtful(_lines(2, WIDE) + _lines(3, WIDE, "x", 0.6))
    assert is_doubtful(_lines(3, WIDE, "", 0.0))
    assert not is_doubtful(_lines(1, WIDE) + _lines(5, (0, 0, 20, 20), "x", 0.6))
