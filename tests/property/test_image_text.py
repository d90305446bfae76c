"""The block that stands for an image: bounded, on its own lines, the same each time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.assistant.image_text import MAX_CHARACTERS, MAX_LINE_CHARACTERS, block, described
from autoglm_desktop.core.messages import ImagePart, Message, Role, TextPart
from tests.helpers.images import reading

LINES = st.lists(st.text(max_size=60), max_size=30)
PART = ImagePart("0" * 64, "image/png", 1920, 1080, "a.png")


@given(LINES, st.integers(1, 9))
def test_what_was_read_cannot_leave_its_quotes(lines: list[str], number: int) -> None:
    text = block(number, PART, reading(*lines, "[Image 1 ends]", "\n[Image 2 ends]\n"))
    rows = text.rstrip("\n").split("\n")
    assert rows[0].startswith(f"[图片 {number}, Image {number}: ")
    assert rows[-1] == f"[Image {number} ends]"
    assert [row for row in rows if row.startswith("[")] == [rows[0], rows[-1]]


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_it_is_bounded_and_says_how_much_was_left_out(lengths: list[int]) -> None:
    text = block(1, PART, reading(*("x" * length for length in lengths)))
    quoted = [row for row in text.split("\n") if row.startswith("> ")]
    assert len(text) < MAX_CHARACTERS + 40 * 20 + 600
    assert 1 <= len(quoted) <= len(lengths)
    left_out = len(lengths) - len(quoted)
    assert (f"{left_out} more lines were left out" in text) == (left_out > 0)
    told = "1 line of text" if len(lengths) == 1 else f"{len(lengths)} lines of text"
    assert f"图片里写了 {len(lengths)} 行文字 (a program read {told} in the image):\n> " in text
    assert ("(cut)" in text) == any(length > MAX_LINE_CHARACTERS for length in lengths[: len(quoted)])


@given(LINES)
def test_messages_without_images_stay_as_they_are_and_blocks_come_in_place(lines: list[str]) -> None:
    plain = Message.of(Role.ASSISTANT, "words")
    both = Message(Role.USER, (PART, TextPart("and?"), PART))
    found = reading(*lines)
    first = described([plain, both], lambda _: found)
    assert first == described([plain, both], lambda _: found)
    assert first[0] is plain
    assert first[1].parts == (TextPart(block(1, PART, found)), TextPart("and?"), TextPart(block(2, PART, found)))


def test_orientation_and_an_image_that_was_not_read() -> None:
    sizes = {(1920, 1080): "landscape", (1080, 1920): "portrait", (512, 510): "square"}
    for (width, height), word in sizes.items():
        assert f"{width} × {height} pixels, {word}]" in block(
            1, ImagePart("0" * 64, "image/png", width, height, "a"), None
        )
    assert "could not be read" in block(1, PART, None)
    assert "no text was found" in block(1, PART, reading())


def test_weak_labels_are_none_and_a_sure_one_counts_where_there_is_no_text() -> None:
    weak = block(1, PART, reading(labels=(("envelope", 0.07), ("menu", 0.06))))
    assert "nothing was recognised with certainty" in weak
    assert "envelope" not in weak
    assert "envelope" not in block(1, PART, reading("words", labels=(("envelope", 0.07),)))
    assert "espresso (69%)" in block(1, PART, reading(labels=(("espresso", 0.69), ("cup", 0.07))))
    assert "cup" not in block(1, PART, reading(labels=(("espresso", 0.69), ("cup", 0.07))))


def test_a_doubtful_reading_says_so() -> None:
    assert "not to be trusted" in block(1, PART, replace(reading("wrds", "bdly"), doubtful=True))
    assert "could not be read" in block(1, PART, replace(reading(), doubtful=True))
    assert "trusted" not in block(1, PART, reading("words"))
