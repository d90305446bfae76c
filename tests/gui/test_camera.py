"""The camera: live picture, shutter, mirror, choice, a cable that is pulled; with frames that are really delivered."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.devices.camera import CameraDevice, CameraListener, FrameSink, QtCamera, SyntheticCamera
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.images.camera_dialog import CameraDialog
from tests.helpers.windows import open_window

FRONT, BACK = CameraDevice("front", "Front"), CameraDevice("back", "Back")
RED, BLUE = "#c8413b", "#2f6be4"


def opened(qtbot: QtBot, qapp: QApplication, camera: SyntheticCamera) -> CameraDialog:
    dialog = CameraDialog(Appearance(qapp, Settings(language="en", theme="light")), camera)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog, before_close_func=lambda _: dialog.view.stop())
    dialog.show()
    return dialog


def wait_live(qtbot: QtBot, dialog: CameraDialog) -> None:
    qtbot.waitUntil(dialog.view.shutter.isEnabled)


def edge_colors(picture: QImage) -> tuple[str, str]:
    return picture.pixelColor(2, 2).name(), picture.pixelColor(picture.width() - 3, 2).name()


def left_of_preview(dialog: CameraDialog) -> str:
    shown = dialog.view.preview.grab().toImage()
    return shown.pixelColor(shown.width() // 4, shown.height() // 4 + 20).name()


def test_a_photo_is_looked_at_taken_again_and_used(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera()
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    assert left_of_preview(dialog) == RED
    QTest.keyClick(dialog.view.shutter, Qt.Key.Key_Space)
    assert camera.running is None
    held = dialog.view.preview.picture.copy()
    assert dialog.view.use.hasFocus()
    QTest.mouseClick(dialog.view.again, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialog.view.preview.picture.isNull() and dialog.view.preview.picture != held)
    QTest.mouseClick(dialog.view.shutter, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(dialog.taken) as caught:
        QTest.mouseClick(dialog.view.use, Qt.MouseButton.LeftButton)
    assert caught.args is not None
    assert edge_colors(caught.args[0]) == (RED, BLUE)
    assert not dialog.isVisible()
    assert camera.running is None


def test_the_mirror_turns_preview_and_photo(qtbot: QtBot, qapp: QApplication) -> None:
    dialog = opened(qtbot, qapp, SyntheticCamera())
    wait_live(qtbot, dialog)
    QTest.keyClick(dialog.view.mirror, Qt.Key.Key_Space)
    assert left_of_preview(dialog) == BLUE
    QTest.mouseClick(dialog.view.shutter, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(dialog.taken) as caught:
        QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert caught.args is not None
    assert edge_colors(caught.args[0]) == (BLUE, RED)


def test_a_camera_that_is_unplugged_is_said_and_comes_back(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera((FRONT,))
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    camera.unplug("front")
    assert "Front was unplugged" in dialog.view.preview.words
    assert dialog.view.preview.accessibleName() == dialog.view.preview.words
    assert not dialog.view.shutter.isEnabled()
    camera.plug(FRONT)
    wait_live(qtbot, dialog)
    assert dialog.view.preview.words == ""


def test_a_held_photo_survives_the_cable(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera((FRONT,))
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    dialog.view.press_shutter()
    camera.unplug("front")
    assert not dialog.view.preview.picture.isNull()
    with qtbot.waitSignal(dialog.taken):
        QTest.mouseClick(dialog.view.use, Qt.MouseButton.LeftButton)


def test_another_camera_can_be_chosen_and_goes_on_when_the_first_one_goes(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera((FRONT, BACK))
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    assert camera.running == "front"
    dialog.view.choice.setFocus()
    QTest.keyClick(dialog.view.choice, Qt.Key.Key_Down)
    assert camera.running == "back"
    camera.unplug("front")
    assert camera.running == "back"
    assert dialog.view.choice.currentData() == "back"
    wait_live(qtbot, dialog)
    camera.unplug("back")
    camera.plug(FRONT)
    assert "unplugged" not in dialog.view.preview.words
    wait_live(qtbot, dialog)


def test_the_other_camera_can_be_chosen_when_the_running_one_is_unplugged(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera((FRONT, BACK))
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    camera.unplug("front")
    assert "Front was unplugged" in dialog.view.preview.words
    assert dialog.view.choice.currentIndex() == -1
    QTest.keyClick(dialog.view.choice, Qt.Key.Key_Down)
    assert camera.running == "back"
    wait_live(qtbot, dialog)


def test_the_running_one_of_two_is_used_again_when_it_comes_back(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera((FRONT, BACK))
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    camera.unplug("front")
    camera.plug(FRONT)
    assert camera.running == "front"
    wait_live(qtbot, dialog)


def test_again_without_the_camera_of_the_photo_asks_for_another(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera((FRONT, BACK))
    dialog = opened(qtbot, qapp, camera)
    wait_live(qtbot, dialog)
    dialog.view.press_shutter()
    camera.unplug("front")
    QTest.mouseClick(dialog.view.again, Qt.MouseButton.LeftButton)
    assert camera.running is None
    assert "choose another camera" in dialog.view.preview.words


def test_no_camera_is_said_in_place_and_one_that_comes_is_used(qtbot: QtBot, qapp: QApplication) -> None:
    camera = SyntheticCamera(())
    dialog = opened(qtbot, qapp, camera)
    assert "No camera was found" in dialog.view.preview.words
    assert not dialog.view.choice.isEnabled()
    camera.plug(BACK)
    wait_live(qtbot, dialog)


def test_the_photo_lands_in_the_message(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as window:
        shell = window.shell
        shell.desk.images.camera = SyntheticCamera
        QTest.mouseClick(shell.window.composer.camera, Qt.MouseButton.LeftButton)
        dialog = shell.window.findChild(CameraDialog)
        assert dialog is not None
        wait_live(qtbot, dialog)
        dialog.view.press_shutter()
        dialog.view.press_use()
        images = shell.controller.images
        qtbot.waitUntil(lambda: not images.busy)
        assert [(part.name, part.width, part.height) for part in images.draft.parts] == [("Photo", 640, 480)]


def test_this_computers_cameras_are_listed_and_an_unknown_one_is_said(qtbot: QtBot) -> None:
    """Of whatever machine runs it: none has a camera of that name."""
    camera = QtCamera()
    told: list[Text] = []
    camera.listen(CameraListener(lambda _: None, told.append, lambda: None))
    assert all(device.name for device in camera.devices())
    camera.start("no such camera")
    assert [text.template for text in told] == ["No camera was found. Plug one in: it appears here by itself."]
    camera.stop()


@pytest.mark.qt_log_ignore("No RHI backend")
def test_frames_of_qt_multimedia_arrive_as_pictures(qtbot: QtBot) -> None:
    """The path of a real camera, from a capture session on, with frames put in at its beginning."""
    from PySide6.QtMultimedia import QVideoFrame, QVideoFrameInput

    pictures: list[QImage] = []
    sink, source = FrameSink(pictures.append), QVideoFrameInput()
    sink.session.setVideoFrameInput(source)
    card = QImage(64, 48, QImage.Format.Format_RGBA8888)
    card.fill(Qt.GlobalColor.red)
    source.readyToSendVideoFrame.connect(lambda: source.sendVideoFrame(QVideoFrame(card)))
    qtbot.waitUntil(lambda: source.sendVideoFrame(QVideoFrame(card)) and len(pictures) >= 3, timeout=10_000)
    assert pictures[-1].size().toTuple() == (64, 48)
    assert pictures[-1].pixelColor(5, 5).name() == "#ff0000"
    sink.session.setVideoFrameInput(None)  # type: ignore[arg-type]
