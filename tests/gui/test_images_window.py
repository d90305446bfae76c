"""Images in the whole window: dropped and pasted, sent, read, shown; and what cannot be taken in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.limits import MAX_IMAGES_PER_MESSAGE
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.engine.script import Hold, Reply, Senses
from autoglm_desktop.ui.images.desk import ImageDesk
from autoglm_desktop.ui.images.viewer import ImageViewer
from autoglm_desktop.ui.transcript.images import ImageButton
from autoglm_desktop.ui.transcript.message import AnswerRow, PromptRow
from autoglm_desktop.ui.transcript.readings import Readings
from autoglm_desktop.ui.widgets.composer import Composer
from tests.helpers.dropped import READING, bomb, drop, files, from_browser, picture, png_bytes
from tests.helpers.transcripts import button, settle, words
from tests.helpers.windows import Opened, open_window

CONTROL = Qt.KeyboardModifier.ControlModifier
COLORS = ("red", "lime", "blue")
READS = Senses(read=lambda _: READING)


def desk(opened: Opened) -> ImageDesk:
    return opened.shell.controller.images


def composer(opened: Opened) -> Composer:
    return opened.shell.window.composer


def wait_taken_in(qtbot: QtBot, opened: Opened) -> None:
    qtbot.waitUntil(lambda: not desk(opened).busy, timeout=20_000)


def prompt_row(opened: Opened, place: int = 0) -> PromptRow:
    transcript = opened.shell.window.transcript
    row = transcript.row_widget(transcript.node_ids()[place])
    assert isinstance(row, PromptRow)
    return row


def sent_images(opened: Opened, place: int = 0) -> list[ImagePart]:
    identity = opened.shell.controller.state.conversation_id
    assert identity is not None
    return [part for part in opened.assistant.path(identity)[place].parts if isinstance(part, ImagePart)]


def test_a_reading_that_is_not_to_be_trusted_says_so_where_it_is_shown(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    senses = replace(READS, read=lambda _: replace(READING, doubtful=True))
    with open_window(qapp, tmp_path / "data", [Reply("Hm.")], senses=senses) as opened:
        assert drop(opened.shell.window, files([picture(tmp_path / "one.png")]))
        wait_taken_in(qtbot, opened)
        QTest.keyClicks(composer(opened).edit, "When?")
        QTest.keyClick(composer(opened).edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.idle(1))
        qtbot.waitUntil(lambda: prompt_row(opened).images is not None)
        QTest.mouseClick(button(prompt_row(opened), "What the assistant read"), Qt.MouseButton.LeftButton)
        shown = words(prompt_row(opened).findChildren(Readings)[0])
        assert "This reading is not to be trusted" in shown
        assert "Meeting at 15:30" in shown
        settle(qtbot, opened.shell.window.transcript)


def test_dropped_images_are_sent_with_the_text_read_and_shown(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    images = [picture(tmp_path / "one.png"), picture(tmp_path / "two.jpg", (300, 500), "#C77D00")]
    with open_window(qapp, tmp_path / "data", [Reply("At 15:30.")], senses=READS) as opened:
        assert drop(opened.shell.window, files(images))
        wait_taken_in(qtbot, opened)
        strip = composer(opened).strip
        assert [thumb.accessibleName() for thumb in strip.thumbs()] == ["one.png", "two.jpg"]
        assert strip.caption.text().startswith("2 of 8 images")
        QTest.keyClicks(composer(opened).edit, "When?")
        QTest.keyClick(composer(opened).edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.idle(1))
        assert [part.name for part in sent_images(opened)] == ["one.png", "two.jpg"]
        assert strip.isHidden()
        assert composer(opened).text() == ""
        qtbot.waitUntil(lambda: prompt_row(opened).images is not None)
        buttons = prompt_row(opened).findChildren(ImageButton)
        qtbot.waitUntil(lambda: all(one.picture is not None for one in buttons))
        shown = buttons[1].picture
        assert shown is not None
        assert shown.pixelColor(shown.width() // 2, shown.height() // 2).name() == "#c77d00"
        assert buttons[0].accessibleName() == "Image 1 of 2: one.png, 640 × 400"
        title = button(prompt_row(opened), "What the assistant read")
        assert "4 lines of text" in title.accessibleName()
        assert "15:30" not in words(prompt_row(opened).findChildren(Readings)[0])
        QTest.mouseClick(title, Qt.MouseButton.LeftButton)
        opened_words = words(prompt_row(opened).findChildren(Readings)[0])
        for expected in ("Meeting at 15:30", "会议室 302", "notebook 62 %", "not a look", "98 % sure"):
            assert expected in opened_words
        assert "menu" not in opened_words
        settle(qtbot, opened.shell.window.transcript)


def test_an_image_alone_is_a_message_and_titles_its_conversation(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path / "data", senses=READS) as opened:
        assert not composer(opened).send.isEnabled()
        drop(opened.shell.window.transcript.viewport(), files([picture(tmp_path / "menu.png")]))
        assert not composer(opened).send.isEnabled()
        assert "being taken in" in composer(opened).send.toolTip()
        wait_taken_in(qtbot, opened)
        QTest.mouseClick(composer(opened).send, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.idle(1))
        assert [chat.title for chat in opened.assistant.conversations()] == ["menu.png"]
        assert prompt_row(opened).accessibleName().startswith("You sent 1 image")


def test_ctrl_v_pastes_an_image_a_file_and_still_text(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    clipboard = QGuiApplication.clipboard()
    red = QImage(64, 48, QImage.Format.Format_RGB32)
    red.fill(QColor("red"))
    with open_window(qapp, tmp_path / "data") as opened:
        edit = composer(opened).edit
        clipboard.setImage(red)
        QTest.keyClick(edit, Qt.Key.Key_V, CONTROL)
        clipboard.setMimeData(files([picture(tmp_path / "copied.webp")]))
        QTest.keyClick(edit, Qt.Key.Key_V, CONTROL)
        wait_taken_in(qtbot, opened)
        parts = desk(opened).draft.parts
        assert [(part.width, part.height) for part in parts] == [(64, 48), (640, 400)]
        stored = QImage(str(opened.assistant.image_path(parts[0].sha256)))
        assert stored.pixelColor(5, 5).name() == "#ff0000"
        clipboard.setText("words")
        QTest.keyClick(edit, Qt.Key.Key_V, CONTROL)
        assert composer(opened).text() == "words"
        opened.shell.window.sidebar.list.setFocus()
        clipboard.setImage(red.scaled(10, 10))
        QTest.keyClick(opened.shell.window.sidebar.list, Qt.Key.Key_V, CONTROL)
        wait_taken_in(qtbot, opened)
        assert len(desk(opened).draft.parts) == 3
        clipboard.clear()


def test_an_image_out_of_a_browser_and_one_that_is_only_an_address(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path / "data") as opened:
        assert drop(opened.shell.window, from_browser(png_bytes()))
        wait_taken_in(qtbot, opened)
        assert [thumb.accessibleName() for thumb in composer(opened).strip.thumbs()] == ["cat.png"]
        drop(opened.shell.window, from_browser(b""))
        assert "nothing is fetched" in composer(opened).strip.note.text()
        assert len(desk(opened).draft.images) == 1


def test_text_is_still_dropped_into_the_field(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    data = QMimeData()
    data.setText("dragged words")
    with open_window(qapp, tmp_path / "data") as opened:
        assert not drop(opened.shell.window, data)
        assert drop(composer(opened).edit.viewport(), data)
        assert composer(opened).text() == "dragged words"


def test_what_cannot_be_taken_in_leaves_a_sentence_and_the_rest(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    empty, text, folder = tmp_path / "empty.png", tmp_path / "text.png", tmp_path / "folder"
    empty.write_bytes(b"")
    text.write_text("not an image", encoding="utf-8")
    folder.mkdir()
    good = picture(tmp_path / "good.png")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:200])
    with open_window(qapp, tmp_path / "data") as opened:
        QTest.keyClicks(composer(opened).edit, "kept")
        drop(opened.shell.window, files([empty, good, text, cut, folder]))
        assert len(composer(opened).strip.thumbs()) == 5
        wait_taken_in(qtbot, opened)
        note = composer(opened).strip.note.text()
        for expected in ("empty.png is empty", "text.png is not an image", "cut.png is damaged", "and 1 more"):
            assert expected in note
        assert [image.name for image in desk(opened).draft.images] == ["good.png"]
        assert composer(opened).text() == "kept"
        assert composer(opened).send.isEnabled()
        QTest.mouseClick(composer(opened).strip.close_note, Qt.MouseButton.LeftButton)
        assert not composer(opened).strip.note.isVisible()
        drop(opened.shell.window, files([folder]))
        wait_taken_in(qtbot, opened)
        assert "folder is a folder" in composer(opened).strip.note.text()


def test_a_bomb_is_refused_by_its_pixels(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.png")
    assert path.stat().st_size < 100_000
    with open_window(qapp, tmp_path / "data") as opened:
        drop(opened.shell.window, files([path]))
        wait_taken_in(qtbot, opened)
        assert "bomb.png has too many pixels" in composer(opened).strip.note.text()
        assert desk(opened).draft.images == ()


def test_five_hundred_files_are_eight_images_and_a_sentence(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    first = picture(tmp_path / "0.png", (40, 30), "#000000")
    paths = [first]
    for number in range(1, 500):
        path = tmp_path / f"{number}.png"
        if number < 10:
            picture(path, (40, 30), f"#{number:02x}0000")
        else:
            path.hardlink_to(first)
        paths.append(path)
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with open_window(qapp, tmp_path / "data") as opened:
        drop(opened.shell.window, files([tmp_path / "notes.txt", *paths]))
        wait_taken_in(qtbot, opened)
        assert len(desk(opened).draft.parts) == MAX_IMAGES_PER_MESSAGE
        assert composer(opened).strip.note.text() == "A message takes at most 8 images: 493 left out."
        drop(opened.shell.window, files([first]))
        assert composer(opened).strip.note.text() == "A message takes at most 8 images: 1 left out."
        assert len(composer(opened).strip.thumbs()) == 8


def test_drafts_keep_their_images_and_text(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path / "data", senses=READS) as opened:
        controller = opened.shell.controller
        controller.send("first")
        qtbot.waitUntil(lambda: opened.idle(1))
        first = controller.state.conversation_id
        assert first is not None
        drop(opened.shell.window, files([picture(tmp_path / "a.png")]))
        QTest.keyClicks(composer(opened).edit, "about a")
        controller.new_chat()  # while the image is still being taken in
        assert composer(opened).text() == ""
        assert composer(opened).strip.isHidden()
        drop(opened.shell.window, files([picture(tmp_path / "b.png", color="#000000")]))
        wait_taken_in(qtbot, opened)
        assert [image.name for image in desk(opened).draft.images] == ["b.png"]
        controller.open(first)
        assert composer(opened).text() == "about a"
        assert [image.name for image in desk(opened).draft.images if image.part] == ["a.png"]
        controller.new_chat()
        assert [thumb.accessibleName() for thumb in composer(opened).strip.thumbs()] == ["b.png"]


def test_a_message_that_cannot_be_sent_stays(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path / "data") as opened:
        drop(opened.shell.window, files([picture(tmp_path / "a.png")]))
        wait_taken_in(qtbot, opened)
        opened.library.installed.clear()
        QTest.keyClicks(composer(opened).edit, "look")
        with qtbot.waitSignal(opened.shell.controller.failed):
            QTest.keyClick(composer(opened).edit, Qt.Key.Key_Return)
        assert composer(opened).text() == "look"
        assert len(desk(opened).draft.parts) == 1


def test_images_are_taken_out_by_the_cross_and_by_keys(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    images = [picture(tmp_path / f"{name}.png", color=color) for name, color in zip("abc", COLORS, strict=True)]
    with open_window(qapp, tmp_path / "data") as opened:
        drop(opened.shell.window, files(images))
        wait_taken_in(qtbot, opened)
        strip = composer(opened).strip
        QTest.mouseClick(strip.thumbs()[1].cross, Qt.MouseButton.LeftButton)
        assert [thumb.accessibleName() for thumb in strip.thumbs()] == ["a.png", "c.png"]
        strip.thumbs()[0].setFocus()
        QTest.keyClick(strip.thumbs()[0], Qt.Key.Key_Delete)
        assert strip.thumbs()[0].hasFocus()
        assert [thumb.accessibleName() for thumb in strip.thumbs()] == ["c.png"]
        QTest.keyClick(strip.thumbs()[0], Qt.Key.Key_Tab)
        assert strip.thumbs()[0].cross.hasFocus()
        QTest.keyClick(strip.thumbs()[0].cross, Qt.Key.Key_Space)
        assert strip.isHidden()


def test_an_edited_prompt_keeps_its_images(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path / "data", senses=READS) as opened:
        drop(opened.shell.window, files([picture(tmp_path / "a.png")]))
        wait_taken_in(qtbot, opened)
        QTest.keyClicks(composer(opened).edit, "one")
        QTest.keyClick(composer(opened).edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.idle(1))
        QTest.mouseClick(button(prompt_row(opened), "Edit this prompt"), Qt.MouseButton.LeftButton)
        editor = prompt_row(opened).editor
        assert editor is not None
        assert prompt_row(opened).images is not None
        editor.edit.setPlainText("two")
        QTest.keyClick(editor.edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.idle(2))
        assert [part.name for part in sent_images(opened)] == ["a.png"]
        assert len(opened.engine.perceptions) == 1
        settle(qtbot, opened.shell.window.transcript)


def test_the_phase_says_that_an_image_is_being_read(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    hold = Hold()
    with open_window(qapp, tmp_path / "data", senses=Senses(read=lambda _: READING, hold=hold)) as opened:
        drop(opened.shell.window, files([picture(tmp_path / "a.png")]))
        wait_taken_in(qtbot, opened)
        composer(opened).submit()
        qtbot.waitUntil(hold.reached.is_set)
        transcript = opened.shell.window.transcript

        def answer() -> AnswerRow:
            row = transcript.row_widget(transcript.node_ids()[-1])
            assert isinstance(row, AnswerRow)
            return row

        qtbot.waitUntil(lambda: len(transcript.node_ids()) == 2)
        qtbot.waitUntil(lambda: "Reading the image…" in words(answer()))
        hold.release()
        qtbot.waitUntil(lambda: opened.idle(1))


def test_an_image_that_cannot_be_read_says_so_in_place(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    error = ErrorReport(ErrorCode.ENGINE_FAILED, msg("The reader failed."), msg("Try again."))
    with open_window(qapp, tmp_path / "data", senses=Senses(read=lambda _: error)) as opened:
        drop(opened.shell.window, files([picture(tmp_path / "a.png")]))
        wait_taken_in(qtbot, opened)
        composer(opened).submit()
        qtbot.waitUntil(lambda: opened.idle(1))
        title = button(prompt_row(opened), "The image could not be read")
        QTest.mouseClick(title, Qt.MouseButton.LeftButton)
        assert "The reader failed. Try again." in words(prompt_row(opened))


def test_a_click_shows_it_in_full_with_zoom_copy_and_save(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    images = [picture(tmp_path / "one.png", (1600, 1200)), picture(tmp_path / "two.png", (100, 50), "#C77D00")]
    with open_window(qapp, tmp_path / "data", senses=READS) as opened:
        drop(opened.shell.window, files(images))
        wait_taken_in(qtbot, opened)
        composer(opened).submit()
        qtbot.waitUntil(lambda: opened.idle(1))
        first = prompt_row(opened).findChildren(ImageButton)[0]
        QTest.mouseClick(first, Qt.MouseButton.LeftButton)
        viewer = opened.shell.window.findChild(ImageViewer)
        assert viewer is not None
        qtbot.waitUntil(lambda: viewer.loaded)
        assert viewer.zoom < 1
        fitted = viewer.zoom
        QTest.keyClick(viewer, Qt.Key.Key_Plus)
        assert viewer.zoom > fitted
        QTest.keyClick(viewer, Qt.Key.Key_1)
        assert (viewer.zoom, viewer.picture.width()) == (1.0, 1600)
        for _ in range(20):
            QTest.mouseClick(viewer.buttons["larger"], Qt.MouseButton.LeftButton)
        assert viewer.zoom == 8.0
        viewer.grab()  # only what is seen is drawn: 12,800 pixels across would not fit otherwise
        QTest.keyClick(viewer, Qt.Key.Key_0)
        assert viewer.zoom == pytest.approx(fitted)
        QTest.keyClick(viewer, Qt.Key.Key_C, CONTROL)
        assert QGuiApplication.clipboard().image().width() == 1600
        QTest.keyClick(viewer, Qt.Key.Key_PageDown)
        qtbot.waitUntil(lambda: viewer.loaded)
        assert viewer.words.text() == "2 of 2 · two.png · 100 × 50"
        viewer.save_to(tmp_path / "saved.png")
        assert QImage(str(tmp_path / "saved.png")).size().toTuple() == (100, 50)
        viewer.save_to(tmp_path / "nowhere" / "saved.png")
        assert "could not be written" in viewer.words.text()
        QTest.keyClick(viewer, Qt.Key.Key_Escape)
        assert not viewer.isVisible()
        QGuiApplication.clipboard().clear()


def test_the_state_after_a_new_start_shows_the_same(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path / "data", senses=READS) as opened:
        drop(opened.shell.window, files([picture(tmp_path / "a.png")]))
        wait_taken_in(qtbot, opened)
        composer(opened).submit()
        qtbot.waitUntil(lambda: opened.idle(1))
        identity = opened.shell.controller.state.conversation_id
    assert identity is not None
    with open_window(qapp, tmp_path / "data", senses=READS) as again:
        again.shell.controller.open(identity)
        assert again.assistant.path(identity)[-1].state is NodeState.COMPLETE
        only = prompt_row(again).findChildren(ImageButton)[0]
        qtbot.waitUntil(lambda: only.picture is not None and not only.picture.isNull())
        assert button(prompt_row(again), "What the assistant read").isVisible()
        settle(qtbot, again.shell.window.transcript)


def test_several_files_are_chosen_in_the_dialog(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    for name, color in zip("ab", COLORS, strict=False):
        picture(tmp_path / f"{name}.png", color=color)
    with open_window(qapp, tmp_path / "data") as opened:
        QTest.keyClick(opened.shell.window, Qt.Key.Key_U, CONTROL)
        dialog = opened.shell.window.findChild(QFileDialog)
        assert dialog is not None
        assert "*.webp" in dialog.nameFilters()[0]
        dialog.setDirectory(str(tmp_path))
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        assert field is not None
        field.setText('"a.png" "b.png"')
        QTest.keyClick(field, Qt.Key.Key_Return)
        wait_taken_in(qtbot, opened)
        assert [image.name for image in desk(opened).draft.images] == ["a.png", "b.png"]
        QTest.mouseClick(composer(opened).attach, Qt.MouseButton.LeftButton)
        again = opened.shell.window.findChildren(QFileDialog)[-1]
        QTest.keyClick(again, Qt.Key.Key_Escape)
        assert len(desk(opened).draft.images) == 2


def test_no_focus_is_lost_to_a_drop_and_the_veil_comes_and_goes(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path / "data") as opened:
        window, veil = opened.shell.window, opened.shell.desk.images.drops.veil
        data = files([picture(tmp_path / "a.png")])
        enter = QDragEnterEvent(
            QPoint(400, 300), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(composer(opened).edit.viewport(), enter)
        assert veil.isVisible()
        QApplication.sendEvent(window, QDragLeaveEvent())
        assert not veil.isVisible()
        assert composer(opened).edit.hasFocus()
