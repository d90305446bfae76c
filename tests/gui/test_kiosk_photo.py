"""The kiosk's camera: a page of its window, which goes with the visitor."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.devices.camera import CameraDevice
from autoglm_desktop.engine.script import Reply
from autoglm_desktop.ui.images.camera_view import CameraView
from autoglm_desktop.ui.kiosk.window import Place
from tests.helpers.kiosks import Opened, ask, files_below, kiosk, words_of

FRONT, BACK = CameraDevice("front", "Front"), CameraDevice("back", "Back")


def open_camera(opened: Opened) -> CameraView:
    QTest.mouseClick(opened.window.senses.photo, Qt.MouseButton.LeftButton)
    view = opened.window.photo.view
    assert view is not None
    return view


def hold_a_photo(qtbot: QtBot, opened: Opened) -> CameraView:
    view = open_camera(opened)
    qtbot.waitUntil(view.shutter.isEnabled)
    QTest.mouseClick(view.shutter, Qt.MouseButton.LeftButton)
    return view


def running(opened: Opened) -> str | None:
    """Id of the camera that delivers."""
    return opened.camera.running


def no_view_left(opened: Opened) -> bool:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return opened.window.findChildren(CameraView) == []


def test_a_photo_goes_with_the_question_and_with_the_visitor(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("A test card.")]) as opened:
        senses, view = opened.window.senses, hold_a_photo(qtbot, opened)
        QTest.mouseClick(view.use, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: senses.image is not None)
        assert opened.window.pages.currentWidget() is opened.window.hero
        assert running(opened) is None
        assert files_below(opened.files) != []
        ask(qtbot, opened, "What is this?")
        assert senses.image is None
        prompt = opened.assistant.path(opened.visitors.conversation_id or "")[0]
        assert any(part.kind == "image" for part in prompt.parts)
        with qtbot.waitSignal(opened.window.wiped):
            opened.window.send_away()
        assert files_below(opened.files) == []
        assert opened.window.pictures.kept_bytes == 0


def test_the_camera_is_a_page_of_the_one_window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")], cameras=(FRONT, BACK)) as opened:
        window, view = opened.window, hold_a_photo(qtbot, opened)
        assert window.pages.currentWidget() is window.photo
        assert view.window() is window
        assert [one for one in QApplication.topLevelWidgets() if one.isVisible()] == [window]
        shown = [view.again, view.use, view.mirror, window.photo.back]
        assert all(part.isVisible() and window.photo.rect().contains(_place(part, window.photo)) for part in shown)
        assert not view.choice.isVisible(), "its list would be a window"


def _place(part: QWidget, page: QWidget) -> QRect:
    return part.rect().translated(part.mapTo(page, part.rect().topLeft()))


def test_who_goes_in_front_of_the_camera_leaves_no_picture(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        hold_a_photo(qtbot, opened)
        opened.leave_alone(65)
        assert "6 s" in opened.window.told.text(), "a picture is no company"
        with qtbot.waitSignal(opened.window.wiped):
            opened.leave_alone(6)
        assert opened.at(Place.ATTRACT)
        assert running(opened) is None
        assert no_view_left(opened)
        assert files_below(opened.files) == []
        assert opened.window.senses.image is None


@pytest.mark.parametrize("way", ["back", "esc", "start over", "pin", "question", "end"])
def test_every_way_off_the_page_frees_the_camera(qtbot: QtBot, qapp: QApplication, tmp_path: Path, way: str) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window, view = opened.window, open_camera(opened)
        qtbot.waitUntil(view.shutter.isEnabled)
        assert running(opened) == "card"
        match way:
            case "back":
                QTest.mouseClick(window.photo.back, Qt.MouseButton.LeftButton)
            case "esc":
                QTest.keyClick(window.photo, Qt.Key.Key_Escape)
            case "start over":
                QTest.mouseClick(window.again, Qt.MouseButton.LeftButton)
            case "pin":
                window.show_pin()
            case "question":
                ask(qtbot, opened, "Hello?")
            case _:
                window.end()
        assert running(opened) is None
        assert no_view_left(opened)
        assert window.pages.currentWidget() is not window.photo or way == "end"


def test_it_is_used_by_keys_alone(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        QTest.keyClick(window.senses.photo, Qt.Key.Key_Space)
        view = window.photo.view
        assert view is not None
        qtbot.waitUntil(view.shutter.isEnabled)
        QTest.keyClick(window.photo, Qt.Key.Key_Return)
        assert running(opened) is None
        view.again.setFocus()
        QTest.keyClick(view.again, Qt.Key.Key_Return)
        qtbot.waitUntil(view.shutter.isEnabled)
        assert running(opened) == "card"
        QTest.keyClick(window.photo, Qt.Key.Key_Return)
        QTest.keyClick(window.photo, Qt.Key.Key_Enter)
        qtbot.waitUntil(lambda: window.senses.image is not None)


def test_no_camera_is_said_on_the_page_in_the_visitors_language(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")], cameras=()) as opened:
        view = open_camera(opened)
        assert view.preview.accessibleName().startswith("No camera was found")
        assert not view.shutter.isEnabled()
        assert opened.window.photo.back.isVisible()
        opened.window.switch_language()
        english = [
            word for word in ("Back", "Mirror", "Take the photo", "No camera") if word in words_of(view.window())
        ]
        assert english == []
        assert opened.window.pages.currentWidget() is opened.window.photo


def test_a_second_camera_is_one_touch_away(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")], cameras=(FRONT,)) as opened:
        view, other = open_camera(opened), opened.window.photo.other
        assert not other.isVisible(), "there is but one"
        opened.camera.plug(BACK)
        for expected in ("back", "front"):
            QTest.mouseClick(other, Qt.MouseButton.LeftButton)
            assert running(opened) == expected
        qtbot.waitUntil(view.shutter.isEnabled)
        opened.camera.unplug("front")
        assert running(opened) is None, "another one does not watch without being asked"
        QTest.mouseClick(other, Qt.MouseButton.LeftButton)
        assert running(opened) == "back"
        qtbot.waitUntil(view.shutter.isEnabled)
        QTest.mouseClick(view.shutter, Qt.MouseButton.LeftButton)
        assert not other.isVisible(), "a photo is being looked at"
