"""The kiosk's staff and what cannot be left: PIN, locks, the daily restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.kiosk import Restart
from autoglm_desktop.engine.script import Reply
from autoglm_desktop.ui.kiosk.window import Place
from tests.helpers.kiosks import CONFIG, SECRET, ask, kiosk


def test_the_staff_page_locks_by_itself_and_keeps_nothing(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        window.show_pin()
        window.pad.opened.emit()
        assert opened.at(Place.STAFF)
        assert "60" in window.told.text()
        for part in (window.ask_bar.edit, window.senses.talk, window.senses.photo, window.phone.slider):
            assert not part.isEnabled()
        window.switch_language()
        window.ask_bar.edit.setText(SECRET)
        opened.leave_alone(59)
        assert opened.at(Place.STAFF)
        with qtbot.waitSignal(window.wiped):
            opened.leave_alone(2)
        assert opened.at(Place.ATTRACT)
        assert window.ask_bar.edit.text() == ""
        assert window.hero.language == CONFIG.language
        assert window.pages.currentWidget() is window.hero


def test_the_pad_that_nobody_uses_goes(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        window.show_pin()
        window.pad.press("2")
        assert window.pages.currentWidget() is window.pad
        with qtbot.waitSignal(window.wiped):
            opened.leave_alone(80)
        assert window.pages.currentWidget() is window.hero
        assert window.pad.dots.text() == "–"


def test_staff_needs_the_pin_and_tries_are_slowed(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window, pad = opened.window, opened.window.pad
        QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        assert window.pages.currentWidget() is pad
        right = 0
        for number in range(1000):
            for digit in f"{number:06d}":
                QTest.mouseClick(pad.keys[(int(digit) - 1) % 10], Qt.MouseButton.LeftButton)
            QTest.mouseClick(pad.enter, Qt.MouseButton.LeftButton)
            right += opened.at(Place.STAFF)
            if number > 5:
                break  # the keys are disabled now; what follows is the guard's own test
        assert right == 0
        assert not pad.enter.isEnabled()
        opened.clock.now_s += 400
        pad.begin()
        QTest.mouseClick(pad.keys[3], Qt.MouseButton.LeftButton)
        QTest.mouseClick(pad.rub, Qt.MouseButton.LeftButton)
        assert pad.dots.text() == "–", "a slip of the finger is taken back"
        for digit in CONFIG.pin:
            QTest.mouseClick(pad.keys[(int(digit) - 1) % 10], Qt.MouseButton.LeftButton)
        QTest.mouseClick(pad.enter, Qt.MouseButton.LeftButton)
        assert opened.at(Place.STAFF)
        assert window.pages.currentWidget() is window.staff
        QTest.mouseClick(window.staff.back, Qt.MouseButton.LeftButton)
        assert opened.at(Place.ATTRACT)


def test_a_pin_from_the_keyboard_goes_to_the_pad_and_never_to_the_question(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window, pad = opened.window, opened.window.pad
        QTest.mouseClick(window.ask_bar.edit, Qt.MouseButton.LeftButton)
        QTest.keyClicks(window.ask_bar.edit, "Half a qu")
        QTest.keyClick(
            window.ask_bar.edit, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        )
        assert window.pages.currentWidget() is pad

        def strike(*keys: Qt.Key) -> None:
            for key in keys:
                QTest.keyClick(QApplication.focusWidget() or window, key)

        for part in (window.ask_bar.edit, window.senses.talk, window.phone.slider):
            assert not part.isEnabled()
        strike(Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_Backspace)
        assert pad.dots.text() == "•"
        strike(Qt.Key.Key_Return)
        assert pad.told.text() == "That is not the PIN."
        assert opened.at(Place.VISITOR)
        strike(Qt.Key.Key_Escape)
        assert window.ask_bar.edit.isEnabled()
        assert window.ask_bar.edit.text() == "Half a qu"
        window.show_pin()
        strike(*(Qt.Key(Qt.Key.Key_0 + int(digit)) for digit in CONFIG.pin), Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.at(Place.STAFF))
        assert opened.engine.requests == []


def test_staff_in_front_of_a_visitor_wipes_first(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        ask(qtbot, opened, SECRET)
        opened.window.show_pin()
        with qtbot.waitSignal(opened.window.wiped):
            opened.window.pad.opened.emit()
        assert opened.at(Place.STAFF)
        assert opened.visitors.conversation_id is None


def test_it_cannot_be_left(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        window.close()
        assert window.isVisible()
        for key in (Qt.Key.Key_F4, Qt.Key.Key_F11):
            QTest.keyClick(window, key, Qt.KeyboardModifier.AltModifier)
        QTest.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        assert window.isVisible()
        with qtbot.assertNotEmitted(window.restart_requested):
            QDesktopServices.openUrl(QUrl("https://example.org"))
        assert window.isVisible()


def test_the_daily_restart_waits_for_nobody_to_be_there(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    tomorrow = datetime(2026, 1, 2, 5).astimezone()
    with kiosk(qapp, tmp_path, [Reply("Yes.")], now=tomorrow) as opened:
        opened.window.welcome()
        with qtbot.assertNotEmitted(opened.window.restart_requested):
            opened.window.beat()
        opened.window.send_away()
        with qtbot.waitSignal(opened.window.restart_requested):
            opened.window.beat()


@pytest.mark.parametrize(("hours", "due"), [(1, False), (15, False), (17, True), (40, True)])
def test_when_a_restart_is_due(hours: int, due: bool) -> None:
    started = datetime(2026, 1, 1, 12).astimezone()
    assert Restart(at="04:30").due(started, started + timedelta(hours=hours)) is due
    assert not Restart(at="").due(started, started + timedelta(days=9))
