"""What keeps the kiosk's window where it belongs, on a platform without an X server; and that it opens no other one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QImage, QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from autoglm_desktop.engine.script import Reply
from autoglm_desktop.ui.kiosk.guard import Guard
from autoglm_desktop.ui.kiosk.hold import Hold
from tests.helpers.kiosks import ask, kiosk

RICH = """# Everything

**Bold**, a [link](https://example.org) and $x^2$.

$$\\int_0^1 x\\,dx$$

| a | b |
|---|---|
| 1 | 2 |

```python
print("hello")
```
"""


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.showFullScreen()
    QTest.qWaitForWindowActive(made)
    return made


def held(window: QWidget) -> Hold:
    hold = Hold(window, lambda: False, keys=False)
    hold.begin()
    return hold


def is_there(window: QWidget) -> bool:
    return window.isFullScreen() and not window.isMinimized() and window.isActiveWindow()


@pytest.mark.parametrize("away", ["minimised", "small", "inactive"])
def test_it_comes_back(qtbot: QtBot, window: QWidget, away: str) -> None:
    hold, other = held(window), QWidget()
    qtbot.addWidget(other)
    match away:
        case "minimised":
            window.setWindowState(Qt.WindowState.WindowMinimized)
        case "small":
            window.showNormal()
        case _:
            other.show()
            other.activateWindow()
            QTest.qWaitForWindowActive(other)
    qtbot.waitUntil(lambda: is_there(window))
    hold.end()


def test_it_is_left_alone_when_it_ended(qtbot: QtBot, window: QWidget) -> None:
    hold = held(window)
    hold.end()
    window.setWindowState(Qt.WindowState.WindowMinimized)
    hold.end()
    QApplication.processEvents()
    assert window.isMinimized()


def is_composing(guard: Guard) -> bool:
    return guard.composing


def test_what_an_input_method_holds_is_known(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        edit, guard = opened.window.ask_bar.edit, opened.window.guard
        QApplication.sendEvent(edit, QInputMethodEvent("ni", []))
        assert is_composing(guard)
        written = QInputMethodEvent("", [])
        written.setCommitString("你")
        QApplication.sendEvent(edit, written)
        assert not is_composing(guard)
        assert edit.text() == "你"


def test_nothing_that_can_be_pressed_opens_a_window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    """Every button, over an answer with one of everything."""
    with kiosk(qapp, tmp_path, [Reply(RICH)]) as opened:
        window = opened.window
        window.senses.take_picture(QImage(64, 48, QImage.Format.Format_RGB32))
        qtbot.waitUntil(lambda: window.senses.image is not None)
        ask(qtbot, opened, "Show me everything")
        qtbot.waitUntil(lambda: not window.talk.view.busy)
        left_out = [window.again, window.languages, *window.hero.chips, *window.staff.findChildren(QAbstractButton)]
        pressed: list[str] = []
        camera_opened = False
        for button in window.findChildren(QAbstractButton):
            if isValid(button) and button not in left_out:
                pressed.append(button.accessibleName())
                button.click()  # also those that only show themselves beside the mouse
                camera_opened |= window.photo.view is not None  # what is pressed next may close it again
                QApplication.processEvents()
                assert visible_windows() == [window], pressed
        assert {"Copy this message", "Edit this prompt", "Details", "Image: Photo, 64 × 48"} <= set(pressed), pressed
        assert camera_opened, "the camera's page was open"


def test_nothing_has_a_menu(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply(RICH)]) as opened:
        window = opened.window
        ask(qtbot, opened, "Show me everything")
        qtbot.waitUntil(lambda: not window.talk.view.busy)
        parts = [part for part in window.findChildren(QWidget) if part.isVisible()]
        for part in parts:
            place = part.rect().center()
            asks = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, part.mapToGlobal(place))
            QApplication.sendEvent(part, asks)
            QTest.keyClick(part, Qt.Key.Key_Menu)
            QTest.mouseDClick(part, Qt.MouseButton.LeftButton, pos=place)
            assert QApplication.activePopupWidget() is None, part
            assert visible_windows() == [window], part
        assert len(parts) > 20


def visible_windows() -> list[QWidget]:
    tips = (Qt.WindowType.ToolTip, Qt.WindowType.Popup)
    found = QApplication.topLevelWidgets()
    return [one for one in found if one.isVisible() and one.windowType() not in tips]
