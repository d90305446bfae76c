"""What looks like a letter in a photograph is no text; short texts that are written there are."""

from __future__ import annotations

import pytest
from PIL import Image

from autoglm_desktop.core.perception import ImageLabel, TextLine
from autoglm_desktop.engine.runtime.orientation import Found
from autoglm_desktop.engine.runtime.scraps import is_photograph, without_scraps
from tests.helpers.screenshots import photograph

SIZE = (640, 480)
PLAIN = Image.new("RGB", SIZE, "white")
ESPRESSO = (ImageLabel("espresso", 0.69),)


PHOTO = photograph(SIZE)
MIDDLE, GIANT, TINY = (280, 200, 340, 270), (30, 0, 560, 478), (300, 200, 309, 212)
WORD = (100, 200, 300, 240)


def _kept(picture: Image.Image, *lines: TextLine, labels: tuple[ImageLabel, ...] = ()) -> list[str]:
    return [one.line.text for one in without_scraps([Found(line) for line in lines], picture, labels)]


@pytest.mark.parametrize(
    "line",
    [
        TextLine("8", 0.97, GIANT),
        TextLine("8", 0.7, MIDDLE),
        TextLine("o", 0.99, MIDDLE),
        TextLine("8", 0.95, TINY),
        TextLine("LI", 0.6, MIDDLE),
        TextLine("llII", 0.55, WORD),
        TextLine("e", 0.3, MIDDLE),
        TextLine("", 0.0, WORD),
    ],
)
def test_scraps_of_photographs_are_dropped(line: TextLine) -> None:
    assert _kept(PHOTO, line) == []
    assert _kept(PLAIN, line, labels=ESPRESSO) == []  # a cup on a white table


@pytest.mark.parametrize(
    "line",
    [
        TextLine("STOP", 0.99, WORD),
        TextLine("¥8", 0.96, MIDDLE),
        TextLine("12:30", 0.99, GIANT),
        TextLine("10", 0.95, MIDDLE),
        TextLine("8", 0.99, MIDDLE),
        TextLine("茶", 0.99, MIDDLE),
        TextLine("YAMAHA", 0.73, WORD),
    ],
)
def test_short_texts_that_are_written_there_are_kept(line: TextLine) -> None:
    assert _kept(PHOTO, line) == [line.text]
    assert _kept(PHOTO, line, labels=ESPRESSO) == [line.text]


def test_a_single_figure_on_a_plain_ground_is_kept_whatever_its_size() -> None:
    for box in (GIANT, MIDDLE, TINY):
        assert _kept(PLAIN, TextLine("8", 0.98, box)) == ["8"]
        assert _kept(PLAIN, TextLine("8", 0.98, box), labels=(ImageLabel("web site", 0.9),)) == ["8"]
    assert _kept(PLAIN, TextLine("0", 0.52, GIANT)) == []


def test_short_cells_of_a_photographed_page_are_kept_beside_its_text() -> None:
    page = [TextLine("Coffee of the day", 0.97, WORD), TextLine("8", 0.8, MIDDLE), TextLine("", 0.0, WORD)]
    assert _kept(PHOTO, *page) == ["Coffee of the day", "8", ""]


def test_writing_that_cannot_be_read_is_no_scrap() -> None:
    """It makes the reading a doubtful one; a line or two of that in a photograph are texture."""
    unread = TextLine("", 0.0, WORD)
    assert _kept(PLAIN, unread) == [""]
    assert _kept(PHOTO, unread, unread) == []
    assert _kept(PHOTO, unread, unread, unread) == ["", "", ""]


def test_photographs_are_told_from_screens_by_their_colours() -> None:
    assert is_photograph(PHOTO)
    assert not is_photograph(PLAIN)
    dark = Image.new("RGB", SIZE, "#101418")
    dark.paste((30, 60, 90), (0, 0, 200, 480))
    assert not is_photograph(dark)
    assert is_photograph(PLAIN, ESPRESSO)
    assert not is_photograph(PLAIN, (ImageLabel("espresso", 0.3),))
