"""Pages, columns, turned pictures and photographs by the real networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jiwer
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.engine.runtime.ocr import Check, Pixels
from autoglm_desktop.engine.runtime.orientation import Found
from autoglm_desktop.engine.runtime.pictures import open_picture
from autoglm_desktop.engine.runtime.vision import VisionReader
from tests.helpers.screenshots import draw_screen, draw_texts, draw_upright_lines, photograph

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

COLUMNS = (
    "the city council met\non Tuesday to discuss\nthe plan for a new\nbridge. Many people\ncame to listen.",
    "They spoke about the\nnoise that the work\nwould bring to their\nstreets. The mayor\nsaid that it is needed.",
    "A second meeting is\nheld in March when\nthe engineers bring\ntheir report about the\nground on both banks.",
)
TITLE = "The council plans a new bridge across the river"
ARTICLE = "\n".join((TITLE, *COLUMNS)).splitlines()
PRICES = (("Apple", "1.20"), ("Dragon fruit", "4.99"), ("Sweet potato", "2.10"), ("Milk", "0.95"), ("Bread", "2.75"))
POEM = ("静夜思", "床前明月光，", "疑是地上霜。", "举头望明月，", "低头思故乡。")
NOVEL = ("吾輩は猫である。", "名前はまだ無い。", "どこで生れたか", "とんと見当がつかぬ。")
LETTER = (
    "今天上午市政府召开会议讨论新桥的建设计划",
    "许多居民前来旁听有人担心施工噪音影响生活",
    "市长表示旧桥已经不能承受重型卡车的重量",
    "第二次会议将在三月举行届时工程师提交报告",
)


@pytest.fixture(scope="module")
def eyes() -> VisionReader:
    return VisionReader.load(2, lambda _: None)


def _article(columns: Sequence[str] = COLUMNS) -> Image.Image:
    texts = [(60, 30, TITLE)]
    for number, column in enumerate(columns):
        texts += [(60 + 340 * number, 100 + 32 * row, line) for row, line in enumerate(column.splitlines())]
    return draw_texts(texts, size=(1080, 400), height=20)


def _read(eyes: VisionReader, image: Image.Image, folder: Path) -> ImageReading:
    image.save(folder / "image.png")
    return eyes.read(folder / "image.png", lambda: None)


def _errors(expected: Sequence[str], found: ImageReading) -> float:
    read = "".join(line.text for line in found.text_lines)
    return float(jiwer.cer("".join(expected).replace(" ", ""), read.replace(" ", "")))


@pytest.mark.parametrize("count", [2, 3])
def test_narrow_columns_on_one_height_are_read_one_after_the_other(
    eyes: VisionReader, tmp_path: Path, count: int
) -> None:
    found = _read(eyes, _article(COLUMNS[:count]), tmp_path)
    assert _errors("\n".join((TITLE, *COLUMNS[:count])).splitlines(), found) <= 0.02


def test_a_table_of_prices_is_read_row_by_row(eyes: VisionReader, tmp_path: Path) -> None:
    cells = [(40 + 500 * column, 40 + 40 * row, PRICES[row][column]) for row in range(len(PRICES)) for column in (0, 1)]
    found = _read(eyes, draw_texts(cells, size=(700, 280)), tmp_path)
    assert _errors([cell for row in PRICES for cell in row], found) == 0.0


@pytest.mark.parametrize("lines", [POEM, NOVEL, LETTER], ids=["poem", "Japanese", "letter"])
def test_upright_lines_are_read_from_right_to_left(eyes: VisionReader, tmp_path: Path, lines: tuple[str, ...]) -> None:
    found = _read(eyes, draw_upright_lines(lines), tmp_path)
    assert _errors(lines, found) <= 0.05
    assert (found.turned_deg, found.doubtful) == (0, False)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_and_its_boxes_are_those_of_the_picture(
    eyes: VisionReader, tmp_path: Path, degrees: int
) -> None:
    image = _article(COLUMNS[:2]).rotate(degrees, expand=True)
    found = _read(eyes, image, tmp_path)
    assert _errors("\n".join((TITLE, *COLUMNS[:2])).splitlines(), found) <= 0.02
    assert (found.turned_deg, found.doubtful, (found.width, found.height)) == (degrees, False, image.size)
    ink = np.asarray(open_picture(tmp_path / "image.png").convert("L"))
    for left, top, right, bottom in (line.box for line in found.text_lines):
        assert ink[top:bottom, left:right].min() < 100  # there is something written


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_of_chinese_is_read(eyes: VisionReader, tmp_path: Path, degrees: int) -> None:
    image = draw_screen(LETTER, size=(1000, 500), height=26).rotate(degrees, expand=True)
    found = _read(eyes, image, tmp_path)
    assert _errors(LETTER, found) <= 0.02
    assert not found.doubtful


@pytest.mark.parametrize("degrees", [-5, -2, 3, 5])
def test_a_page_askew_is_read_in_its_order(eyes: VisionReader, tmp_path: Path, degrees: int) -> None:
    image = _article(COLUMNS[:2]).rotate(degrees, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    assert _errors("\n".join((TITLE, *COLUMNS[:2])).splitlines(), _read(eyes, image, tmp_path)) <= 0.02


@pytest.mark.parametrize("degrees", [-5, 5])
def test_upright_lines_askew_are_read_from_right_to_left(eyes: VisionReader, tmp_path: Path, degrees: int) -> None:
    image = draw_upright_lines(tuple(line + line for line in NOVEL))
    image = image.rotate(degrees, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    found = _read(eyes, image, tmp_path)
    assert _errors(tuple(line + line for line in NOVEL), found) <= 0.05
    assert found.turned_deg == 0


def test_what_stands_upright_is_read_once(eyes: VisionReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for the right way up costs upright pages nothing."""
    found, recognised = eyes._text._found, eyes._text._recognised
    passes: list[Image.Image] = []
    crops: list[int] = []

    def find(picture: Image.Image, check: Check) -> list[Found]:
        passes.append(picture)
        return found(picture, check)

    def recognise(lines: Sequence[Pixels], check: Check) -> list[tuple[str, float]]:
        crops.append(len(lines))
        return recognised(lines, check)

    monkeypatch.setattr(eyes._text, "_found", find)
    monkeypatch.setattr(eyes._text, "_recognised", recognise)
    _read(eyes, draw_screen(height=20), tmp_path)
    assert (len(passes), crops) == (1, [20, 0])
    _read(eyes, draw_screen(height=20).rotate(180), tmp_path)
    assert len(passes) == 3


def test_writing_that_cannot_be_read_makes_the_reading_doubtful(eyes: VisionReader, tmp_path: Path) -> None:
    """A script that the networks do not know, and print that is too blurred."""
    russian = "Сегодня городской совет обсуждал новый мост"
    found = _read(eyes, draw_texts([(40, 40 * n, russian) for n in range(1, 5)], size=(800, 240), height=26), tmp_path)
    assert found.doubtful
    blurred = _article().filter(ImageFilter.GaussianBlur(4.5))
    assert _read(eyes, blurred, tmp_path).doubtful
    assert not _read(eyes, _article(), tmp_path).doubtful


def test_the_rims_of_two_cups_are_no_figure(eyes: VisionReader, tmp_path: Path) -> None:
    image = photograph()
    pen = ImageDraw.Draw(image)
    pen.ellipse((200, 30, 440, 240), outline="#f0e8e0", width=40)
    pen.ellipse((190, 235, 450, 455), outline="#f0e8e0", width=40)
    image = image.filter(ImageFilter.GaussianBlur(2))
    assert [one.line.text for one in eyes._text.read(image, lambda: None).found] == ["8"]
    found = _read(eyes, image, tmp_path)
    assert (found.text_lines, found.doubtful) == ((), False)


@pytest.mark.parametrize(
    ("text", "height"), [("STOP", 90), ("¥8", 60), ("12:30", 120), ("EXIT", 40), ("出口", 60), ("10", 60)]
)
def test_short_texts_are_kept_on_photographs_and_on_plain_ground(
    eyes: VisionReader, tmp_path: Path, text: str, height: int
) -> None:
    written = draw_texts([(200, 160, text)], size=(640, 480), height=height)
    photo = photograph()
    photo.paste("white", (0, 0), written.convert("L").point(lambda value: 255 - value))
    for image in (written, photo):
        assert [line.text for line in _read(eyes, image, tmp_path).text_lines] == [text]


def test_a_single_figure_that_fills_a_plain_picture_is_kept(eyes: VisionReader, tmp_path: Path) -> None:
    for size, height in (((28, 28), 24), ((280, 280), 200)):
        image = draw_texts([(size[0] // 4, -size[1] // 6, "8")], size=size, height=height)
        assert [line.text for line in _read(eyes, image, tmp_path).text_lines] == ["8"]
