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


def _ragged(lines: str, left: int, top: int, *, pitch: int = 30, height: int = 20) -> dict[str, Box]:
    """A line of text for each of `lines`, as wide as its letters need."""
    rows = lines.splitlines()
    return {
        row: (left, top + i * pitch, left + round(len(row) * height * 0.45), top + i * pitch + height)
        for i, row in enumerate(rows)
    }


def _read(boxes: dict[str, Box]) -> list[str]:
    return in_reading_order(sorted(boxes), boxes.__getitem__, lambda text: text)


_LEFT = "the city council met\non Tuesday to discuss\nthe plan for a new\nbridge. Many people\ncame to listen."
_RIGHT = "They spoke about the\nnoise that the work\nwould bring to their\nstreets. The mayor\nsaid that it is needed."
_THIRD = "A second meeting is\nheld in March when\nthe engineers bring\ntheir report about the\nground on both banks."


def test_short_lines_of_sentences_on_one_height_are_columns_and_no_table() -> None:
    boxes = _ragged(_LEFT, 0, 60) | _ragged(_RIGHT, 260, 60)
    assert _read(boxes) == [*_LEFT.splitlines(), *_RIGHT.splitlines()]
    three = boxes | _ragged(_THIRD, 520, 60) | _ragged("Council plans new bridge across the river", 0, 0, height=30)
    assert _read(three) == [
        "Council plans new bridge across the river",
        *_LEFT.splitlines(),
        *_RIGHT.splitlines(),
        *_THIRD.splitlines(),
    ]


def test_short_lines_of_chinese_that_fill_their_columns_are_read_down() -> None:
    left, right = (
        ("今天上午市政府召开", "会议讨论新桥的建设", "许多居民前来旁听会"),
        ("有人担心施工的噪音", "市长表示旧桥已经旧", "第二次会议三月举行"),
    )
    boxes = {text: (0, 40 * i, 216, 40 * i + 26) for i, text in enumerate(left)}
    boxes |= {text: (270, 40 * i, 486, 40 * i + 26) for i, text in enumerate(right)}
    assert _read(boxes) == [*left, *right]


@pytest.mark.parametrize(
    "rows",
    [
        (("Apple", "1.20"), ("Dragon fruit", "4.99"), ("Sweet potato", "2.10"), ("Milk", "0.95")),
        (("Bohemian Rhapsody", "Queen"), ("Stairway to Heaven", "Led Zeppelin"), ("Imagine", "John Lennon")),
        (("2026-01-02", "Meeting with the team"), ("2026-01-05", "Dentist"), ("2026-01-09", "Flight at 9:40")),
        (("A-2026-1122-0457", "1,299.00 yuan"), ("A-2026-1122-0458", "1,099.00 yuan"), ("A-2026-1122-9", "7.00 yuan")),
        (("What is the capital of France?", "Paris, since 987"), ("Who?", "A writer"), ("When?", "In 1932")),
    ],
    ids=["prices", "songs", "dates", "orders", "questions"],
)  # fmt: skip
def test_cells_of_a_table_stay_in_their_rows(rows: tuple[tuple[str, str], ...]) -> None:
    boxes: dict[str, Box] = {}
    for number, (left, right) in enumerate(rows):
        boxes |= _ragged(left, 0, 36 * number) | _ragged(right, 560, 36 * number + 1)
    assert _read(boxes) == [cell for row in rows for cell in row]


def _upright(names: str, right: int, top: int, height: int, *, pitch: int = 44, width: int = 30) -> dict[str, Box]:
    """Lines that run downwards, from the right."""
    return {n: (right - i * pitch - width, top, right - i * pitch, top + height) for i, n in enumerate(names)}


def test_upright_lines_are_read_from_the_right() -> None:
    assert _order(_upright("abcdef", 400, 50, 300)) == list("abcdef")
    uneven = _upright("abc", 400, 50, 300) | {
        "d": (238, 50, 268, 80),
        "e": (194, 50, 224, 300),
        "f": (194, 310, 224, 345),
    }
    assert _order(uneven) == list("abcdef")


def test_upright_lines_in_two_tiers_below_a_title_and_above_a_caption() -> None:
    boxes = {"t": (60, 0, 360, 40), "z": (20, 620, 300, 646)}
    boxes |= _upright("abcd", 400, 60, 240) | _upright("efgh", 400, 340, 240)
    assert _order(boxes) == ["t", *"abcdefgh", "z"]


def test_one_upright_label_beside_a_chart_does_not_turn_the_page() -> None:
    boxes = {"y": (0, 40, 30, 360)} | _lines("abc", 60, 20, 40, pitch=120) | {"d": (150, 400, 400, 420)}
    assert _order(boxes)[-1] == "d"
    assert [name for name in _order(boxes) if name in "abc"] == list("abc")
