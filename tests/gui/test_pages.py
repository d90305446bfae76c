"""Pages in the place of the conversation: how it comes back, and what is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from tests.helpers.windows import Opened, open_window

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
TROUBLE = ErrorReport(ErrorCode.NOT_WRITABLE, msg("The disk is full."), msg("Free some space."))


def chat_shown(opened: Opened) -> bool:
    return opened.shell.window.chat_shown


def press_new(opened: Opened) -> None:
    QTest.keyClick(opened.shell.window, Qt.Key.Key_N, CONTROL)


def press_temporary(opened: Opened) -> None:
    QTest.keyClick(opened.shell.window, Qt.Key.Key_N, CONTROL | SHIFT)


def click_temporary(opened: Opened) -> None:
    QTest.mouseClick(opened.shell.window.sidebar.temporary_chat, Qt.MouseButton.LeftButton)


def undo_a_deletion(opened: Opened) -> None:
    controller = opened.shell.controller
    controller.delete(opened.assistant.conversations()[0].id)
    assert not opened.shell.window.chat_shown
    QTest.mouseClick(opened.shell.window.sidebar.undo_bar.button, Qt.MouseButton.LeftButton)


def read_a_file(opened: Opened) -> None:
    path = opened.shell.desk.paths.data_dir / "old.json"
    path.write_text(opened.assistant.export_json(opened.assistant.conversations()[0].id), encoding="utf-8")
    opened.shell.desk.import_from(path)


def focus_prompt(opened: Opened) -> None:
    QTest.keyClick(opened.shell.window, Qt.Key.Key_L, CONTROL)


def an_old_one(assistant: Assistant) -> None:
    assistant.new_conversation(title="precious")


@pytest.mark.parametrize(
    "go", [press_new, press_temporary, click_temporary, undo_a_deletion, read_a_file, focus_prompt]
)
def test_what_needs_the_conversation_shows_it(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, go: Callable[[Opened], None]
) -> None:
    with open_window(qapp, tmp_path, prepare=an_old_one) as opened:
        for show in (opened.shell.desk.show_scenarios, opened.shell.desk.show_claims):
            show()
            assert chat_shown(opened) is False
            go(opened)
            assert chat_shown(opened) is True
            assert opened.shell.window.composer.edit.hasFocus()


def test_an_error_is_seen_on_every_page(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        desk, window = opened.shell.desk, opened.shell.window
        for show in (desk.show_scenarios, desk.show_claims, desk.show_first_run, press_new_of(opened)):
            show()
            desk.show_error(TROUBLE)
            assert [banner.isVisible() for banner in window.banners.banners()] == [True]


def press_new_of(opened: Opened) -> Callable[[], None]:
    return lambda: press_new(opened)


def test_old_conversations_can_be_read_without_a_model(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, installed=(), prepare=an_old_one) as opened:
        window, desk = opened.shell.window, opened.shell.desk
        first_run = desk.first_run
        assert first_run is not None
        assert first_run.isVisible()
        press_new(opened)
        assert first_run.isVisible()  # nothing could be done in an empty conversation
        opened.shell.window.sidebar.opened.emit(opened.assistant.conversations()[0].id)
        assert window.chat_shown
        QTest.keyClicks(window.composer.edit, "and now?")
        QTest.keyClick(window.composer.edit, Qt.Key.Key_Return)
        assert first_run.isVisible()
        assert window.composer.text() == "and now?"


def test_a_change_of_models_leaves_another_page_alone(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, installed=()) as opened:
        desk = opened.shell.desk
        desk.show_models()
        desk.show_scenarios()
        assert desk.manager is not None
        desk.manager.changed.emit()
        assert opened.shell.window.pages.currentWidget() is desk.scenarios
