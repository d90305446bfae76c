"""A region of the screen, by mouse and by keys; the window hides and comes back; what forbids it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.i18n import msg
from autoglm_desktop.devices.screen import QtScreens, Screenshot, SyntheticScreens, cut
from autoglm_desktop.ui.images.region import RegionChooser
from tests.helpers.windows import Opened, open_window

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier


def quarters(width: int, height: int) -> QImage:
    """Red, lime / blue, black."""
    picture = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(picture)
    for number, color in enumerate(("red", "lime", "blue", "black")):
        x, y = number % 2 * width // 2, number // 2 * height // 2
        painter.fillRect(x, y, width // 2, height // 2, QColor(color))
    painter.end()
    return picture


ONE = Screenshot(QRect(0, 0, 400, 300), 1.0, quarters(400, 300))
SHARP = Screenshot(QRect(400, 0, 200, 300), 2.0, quarters(400, 600))


def chooser(qtbot: QtBot, *shots: Screenshot) -> RegionChooser:
    made = RegionChooser(shots or (ONE,))
    made.show()
    qtbot.waitExposed(made.overlays[0])
    return made


def test_a_rectangle_is_dragged(qtbot: QtBot) -> None:
    made = chooser(qtbot)
    overlay = made.overlays[0]
    with qtbot.waitSignal(made.chosen) as caught:
        QTest.mousePress(overlay, LEFT, pos=QPoint(150, 100))
        QTest.mouseMove(overlay, QPoint(249, 199))
        assert overlay.grab().toImage().pixelColor(160, 110).name() == "#ff0000"
        QTest.mouseRelease(overlay, LEFT, pos=QPoint(249, 199))
    picture: QImage = caught.args[0]
    assert picture.size().toTuple() == (100, 100)
    assert [picture.pixelColor(x, y).name() for x, y in ((5, 5), (95, 5), (5, 95), (95, 95))] == [
        "#ff0000",
        "#00ff00",
        "#0000ff",
        "#000000",
    ]


def test_a_click_is_a_slip_and_choosing_goes_on(qtbot: QtBot) -> None:
    made = chooser(qtbot)
    with qtbot.assertNotEmitted(made.chosen), qtbot.assertNotEmitted(made.cancelled):
        QTest.mouseClick(made.overlays[0], LEFT, pos=QPoint(50, 50))
    assert made.region.isEmpty()
    with qtbot.waitSignal(made.cancelled):
        QTest.mouseClick(made.overlays[0], Qt.MouseButton.RightButton)


def test_keys_choose_too(qtbot: QtBot) -> None:
    made = chooser(qtbot)
    overlay = made.overlays[0]
    start = made.point
    QTest.keyClick(overlay, Qt.Key.Key_Left)
    QTest.keyClick(overlay, Qt.Key.Key_Up, SHIFT)
    assert made.point == start + QPoint(-20, -1)
    QTest.keyClick(overlay, Qt.Key.Key_Return)
    for _ in range(3):
        QTest.keyClick(overlay, Qt.Key.Key_Right)
        QTest.keyClick(overlay, Qt.Key.Key_Down)
    with qtbot.waitSignal(made.chosen) as caught:
        QTest.keyClick(overlay, Qt.Key.Key_Return)
    assert caught.args[0].size().toTuple() == (61, 61)


def test_f_takes_the_screen_and_escape_gives_up(qtbot: QtBot) -> None:
    made = chooser(qtbot)
    with qtbot.waitSignal(made.chosen) as caught:
        QTest.keyClick(made.overlays[0], Qt.Key.Key_F)
    assert caught.args[0].size().toTuple() == (400, 300)
    other = chooser(qtbot)
    with qtbot.waitSignal(other.cancelled), qtbot.assertNotEmitted(other.chosen):
        QTest.keyClick(other.overlays[0], Qt.Key.Key_Escape)


def test_the_point_stays_on_the_desktop(qtbot: QtBot) -> None:
    made = chooser(qtbot, ONE, SHARP)
    made.move(QPoint(5000, -10))
    assert made.point == QPoint(599, 0)
    with qtbot.waitSignal(made.cancelled):
        made.cancel()


def test_a_region_over_two_screens_has_the_sharper_ones_pixels() -> None:
    picture = cut((ONE, SHARP), QRect(300, 0, 200, 100))
    assert picture.size().toTuple() == (400, 200)
    assert picture.pixelColor(10, 10).name() == "#00ff00"
    assert picture.pixelColor(390, 10).name() == "#ff0000"
    assert cut((ONE,), QRect(900, 900, 10, 10)).isNull()
    assert cut((ONE,), QRect()).isNull()


def begin(opened: Opened, screens: SyntheticScreens) -> None:
    opened.shell.desk.images.screens = screens
    QTest.mouseClick(opened.shell.window.composer.screenshot, LEFT)


def test_the_window_hides_and_the_region_lands_in_the_message(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        window, desk = opened.shell.window, opened.shell.desk.images
        begin(opened, SyntheticScreens((ONE,)))
        assert not window.isVisible()
        taker = desk.screenshots
        assert taker is not None
        qtbot.waitUntil(lambda: taker.chooser is not None)
        assert taker.chooser is not None
        QTest.keyClick(taker.chooser.overlays[0], Qt.Key.Key_F)
        assert window.isVisible()
        images = opened.shell.controller.images
        qtbot.waitUntil(lambda: not images.busy and bool(images.draft.parts))
        assert [(part.name, part.width) for part in images.draft.parts] == [("Screenshot", 400)]
        desk.take_screenshot()  # and once more, given up
        qtbot.waitUntil(lambda: taker.chooser is not None)
        with qtbot.waitSignal(taker.ended):
            QTest.keyClick(taker.chooser.overlays[0], Qt.Key.Key_Escape)
        assert window.isVisible()
        assert len(images.draft.images) == 1


def test_a_desktop_that_forbids_it_says_why_in_place(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        begin(opened, SyntheticScreens((), msg("Not here.")))
        assert opened.shell.window.isVisible()
        assert opened.shell.window.composer.strip.note.text() == "Not here."
        begin(opened, SyntheticScreens(()))  # none of the screens could be taken after all
        taker = opened.shell.desk.images.screenshots
        assert taker is not None
        qtbot.waitUntil(opened.shell.window.isVisible)
        assert opened.shell.window.isVisible()
        assert "does not give pictures" in opened.shell.window.composer.strip.note.text()


@pytest.mark.parametrize(("platform", "told"), [("wayland", "Under Wayland"), ("wayland-egl", "Under Wayland")])
def test_wayland_is_named(monkeypatch: pytest.MonkeyPatch, qapp: QApplication, platform: str, told: str) -> None:
    monkeypatch.setattr("autoglm_desktop.devices.screen.QGuiApplication.platformName", lambda: platform)
    why = QtScreens().hindrance()
    assert why is not None
    assert str(why).startswith(told)
