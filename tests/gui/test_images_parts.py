"""What a drop offers, drafts, thumbnails in a bounded cache, sizes in the conversation."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QSize, QUrl
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.perception import ImageLabel, ImageReading
from autoglm_desktop.ui.images import pictures as module
from autoglm_desktop.ui.images.draft import Attachment, Draft
from autoglm_desktop.ui.images.pictures import Pictures, encoded, load
from autoglm_desktop.ui.images.sources import carries, offer_of, offer_of_files
from autoglm_desktop.ui.style import LIGHT
from autoglm_desktop.ui.transcript.background import Background
from autoglm_desktop.ui.transcript.images import ImagesPiece
from autoglm_desktop.ui.transcript.readings import labels_of, percent, text_of
from tests.helpers.dropped import READING, files, from_browser, picture, png_bytes
from tests.helpers.transcripts import shown_view

WHY = ErrorReport(ErrorCode.BAD_INPUT, msg("No."), msg("Yes."))


def part(sha256: str, width: int = 100, height: int = 50) -> ImagePart:
    return ImagePart(sha256, "image/png", width, height, f"{sha256}.png")


def test_files_are_sorted_by_what_their_names_promise() -> None:
    paths = [Path("/x") / name for name in ("a.txt", "b.PNG", "c.mp3", "d.jpeg", "e")]
    offer = offer_of_files(paths)
    assert [source.name for source in offer.images] == ["b.PNG", "d.jpeg", "a.txt", "e"]
    assert offer.sounds == (Path("/x/c.mp3"),)


def test_avif_is_an_image_as_a_file_and_as_a_browser_s_bytes_and_a_film_is_a_recording() -> None:
    offer = offer_of_files([Path("/x/a.AVIF"), Path("/x/b.mp4"), Path("/x/c.mkv")])
    assert [source.name for source in offer.images] == ["a.AVIF"]
    assert offer.sounds == (Path("/x/b.mp4"), Path("/x/c.mkv"))
    data = QMimeData()
    data.setData("image/avif", b"the bytes")
    assert carries(data)
    assert [source.data for source in offer_of(data).images] == [b"the bytes"]


def test_text_with_a_picture_of_itself_is_text() -> None:
    data = QMimeData()
    data.setText("a cell")
    data.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert not carries(data)
    data = QMimeData()
    data.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert carries(data)


def test_an_address_alone_is_text_and_nothing_is_fetched() -> None:
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/a.png")])
    assert not carries(data)
    offer = offer_of(data)
    assert offer.images == ()
    assert len(offer.refused) == 1
    assert offer_of(QMimeData()).empty


def test_a_browsers_bytes_come_before_a_picture_made_of_them() -> None:
    raw = png_bytes()
    (source,) = offer_of(from_browser(raw)).images
    assert (source.name, source.data) == ("cat.png", raw)


def test_local_files_come_before_the_preview_that_a_file_manager_adds(tmp_path: Path) -> None:
    data = files([tmp_path / "a.png"])
    data.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert [source.data for source in offer_of(data).images] == [tmp_path / "a.png"]


def test_a_draft_takes_in_fails_and_keeps_its_order() -> None:
    draft = Draft().adding((Attachment(1, "a"), Attachment(2, "b"), Attachment(3, "c")), ())
    assert draft.waiting
    draft = draft.taken_in(3, part("c")).failing(2, WHY).taken_in(1, part("a"))
    assert [one.sha256 for one in draft.parts] == ["a", "c"]
    assert draft.notes == (WHY,)
    assert not draft.waiting


def test_the_same_image_twice_is_one_and_a_removed_one_is_not_missed() -> None:
    draft = Draft().adding((Attachment(1, "a"), Attachment(2, "a")), ()).taken_in(1, part("a"))
    assert [one.key for one in draft.taken_in(2, part("a")).images] == [1]
    assert draft.without(2).failing(2, WHY).notes == ()
    assert draft.without(2).taken_in(2, part("z")).parts == (part("a"),)
    assert draft.adding((), (msg("Later."),)).notes == (msg("Later."),)


def test_pictures_are_scaled_and_a_bad_file_is_a_null_one(tmp_path: Path) -> None:
    large = picture(tmp_path / "large.jpg", (3000, 1500))
    assert load(large, 600).size() == QSize(600, 300)
    assert load(picture(tmp_path / "small.png", (30, 20)), 600).size() == QSize(30, 20)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    assert load(bad, 600).isNull()
    assert load(tmp_path / "gone.png", 600).isNull()
    again = QImage.fromData(encoded(load(large, 600)))
    assert again.size() == QSize(600, 300)


def test_thumbnails_are_made_once_and_dropped_when_there_are_too_many(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {name: picture(tmp_path / f"{name}.png", (200, 100)) for name in "abc"}
    asked: list[str] = []

    def path_of(sha256: str) -> Path:
        asked.append(sha256)
        if sha256 not in paths:
            raise AppError(ErrorCode.BAD_INPUT, msg("Gone."), msg("Attach it again."))
        return paths[sha256]

    kept = Pictures(path_of, Background())
    for name in ("a", "a", "gone"):
        assert kept.get(name) is None
    qtbot.waitUntil(lambda: kept.get("gone") is not None)
    gone, shown = kept.get("gone"), kept.get("a")
    assert gone is not None
    assert gone.isNull()
    assert shown is not None
    assert shown.width() == 200
    assert asked == ["a", "gone"]
    monkeypatch.setattr(module, "CACHE_BYTES", 2 * shown.sizeInBytes())
    for name in ("b", "c"):
        with qtbot.waitSignal(kept.arrived):
            kept.get(name)
    assert kept.kept_bytes == 2 * shown.sizeInBytes()
    assert kept.get("a") is None  # it was not looked at for longest


def test_a_thumbnail_that_is_being_made_when_all_is_forgotten_does_not_come_back(qtbot: QtBot, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    background = Background()
    kept = Pictures(lambda _: tmp_path / "a.png", background)
    assert kept.get("a") is None
    kept.forget()
    qtbot.waitUntil(lambda: background.awaited == 0)
    assert kept.kept_bytes == 0
    with qtbot.waitSignal(kept.arrived):
        kept.get("a")
    assert kept.kept_bytes > 0
    qtbot.waitUntil(lambda: kept.get("a") is not None)


@pytest.mark.parametrize(
    ("parts", "width", "sizes"),
    [
        ([part("a", 1600, 1200)], 720, [(320, 240)]),
        ([part("a", 20, 10)], 720, [(48, 48)]),
        ([part("a", 10, 9000)], 720, [(48, 240)]),
        ([part("a", 1600, 1200)], 200, [(200, 150)]),
        ([part(name, 1600, 1200) for name in "abcd"], 400, [(176, 132)] * 4),
    ],
)
def test_images_have_their_places_before_they_are_decoded(
    qtbot: QtBot, parts: list[ImagePart], width: int, sizes: list[tuple[int, int]]
) -> None:
    view = shown_view(qtbot)
    piece = ImagesPiece(view._tools.look, parts, None)
    qtbot.addWidget(piece)
    height = piece.arrange(width)
    assert [button.size().toTuple() for button in piece.buttons] == sizes
    areas = [button.geometry() for button in piece.buttons]
    assert all(area.left() >= 0 and area.right() < width and area.bottom() < height for area in areas)
    assert not any(one.intersects(other) for one in areas for other in areas if one is not other)
    assert view.theme == LIGHT


def test_a_reading_without_text_or_labels_says_so() -> None:
    nothing = ImageReading((), (), 10, 10, 0.1)
    assert text_of(nothing) == "No text was found in this image."
    assert labels_of(nothing) == "No label is likely."
    assert percent(0.005) == "< 1 %"
    weak = ImageReading((), (ImageLabel("envelope", 0.07), ImageLabel("menu", 0.06)), 1, 1, 0.0)
    assert labels_of(weak) == "No label is likely."
    sure = ImageReading((), (ImageLabel("cup", 0.62), ImageLabel("desk", 0.11), ImageLabel("lamp", 0.07)), 1, 1, 0.0)
    assert labels_of(sure) == "May show: cup 62 %, desk 11 %"
    unreadable = ImageReading((), (), 10, 10, 0.1, doubtful=True)
    assert text_of(unreadable) == "There is text in this image that could not be read."
    assert text_of(READING) == "Meeting at 15:30\n会议室 302"
    many = ImageReading(READING.text_lines * 100, (), 1, 1, 0.0)
    assert text_of(many).endswith("and 140 more lines")
