"""The row above the conversation at every width and text size: what does not fit gives way, and nothing is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.ui.widgets.top_bar import TopBar
from tests.helpers.windows import ENGLISH, open_window

LEFT = Qt.MouseButton.LeftButton


def shown_parts(bar: TopBar) -> list[QWidget]:
    """Buttons and words that can be seen, but the model's name, which is shortened with an ellipsis."""
    parts = [part for kind in (QPushButton, QLabel) for part in bar.findChildren(kind) if part.isVisible()]
    return [part for part in parts if part is not bar.model._name]


def settle() -> None:
    for _ in range(4):
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        QApplication.processEvents()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("width", [520, 760, 1000, 1440, 1900])
def test_nothing_is_cut(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, *, width: int, scale: float, language: str
) -> None:
    settings = ENGLISH.model_copy(update={"font_scale": scale, "language": language})
    with open_window(qapp, tmp_path, settings=settings) as opened:
        window, bar = opened.shell.window, opened.shell.window.top_bar
        bar.context.show_usage(30_368, 32_768)
        window.resize(width, 700)
        qtbot.waitUntil(lambda: window.width() == width)
        settle()
        for part in shown_parts(bar):
            wanted = part.minimumSizeHint() if part is bar.model.button else part.sizeHint()
            assert part.width() >= wanted.width(), (type(part).__name__, part.accessibleName())
            right = part.mapTo(bar, part.rect().topRight()).x()
            assert right < bar.width()
        assert bar.model._name.width() >= bar.model._name.minimumSizeHint().width()


@pytest.mark.parametrize("width", [520, 1900])
def test_what_gave_way_is_told_elsewhere(qtbot: QtBot, qapp: QApplication, tmp_path: Path, width: int) -> None:
    with open_window(qapp, tmp_path) as opened:
        window, bar = opened.shell.window, opened.shell.window.top_bar
        bar.context.show_usage(368, 32_768)
        window.resize(width, 700)
        qtbot.waitUntil(lambda: window.width() == width)
        settle()
        shown = bar.context.isVisible()
        assert shown == (width == 1900)
        assert ("Context 368 / 32,768" in bar.model.button.toolTip()) != shown
        assert "not loaded" in bar.model.button.accessibleName()


@pytest.mark.qt_log_ignore("This plugin does not support")  # menus need more than the offscreen platform has
def test_the_four_tiers_are_a_menu_where_there_is_no_room(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    settings = ENGLISH.model_copy(update={"font_scale": 2.0})
    with open_window(qapp, tmp_path, settings=settings) as opened:
        window, tiers = opened.shell.window, opened.shell.window.top_bar.tiers
        window.resize(760, 700)
        qtbot.waitUntil(tiers.chooser.isVisible)
        assert tiers.chooser.text() == "Auto · FP16"
        assert "Battery 80.0 %" in tiers.chooser.toolTip()
        QTest.mouseClick(tiers.chooser, LEFT)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        assert [action.text() for action in menu.actions()] == ["Auto · FP16", "FP16", "INT8", "INT4"]
        assert [action.isChecked() for action in menu.actions()] == [True, False, False, False]
        QTest.keyClick(menu, Qt.Key.Key_Up)
        QTest.keyClick(menu, Qt.Key.Key_Return)
        assert opened.assistant.settings.tier is TierChoice.INT4
        qtbot.waitUntil(lambda: tiers.chooser.text() == "INT4")
        window.resize(1900, 700)
        qtbot.waitUntil(lambda: tiers.buttons[TierChoice.INT4].isVisible() and not tiers.chooser.isVisible())
