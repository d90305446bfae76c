"""The list of keys and the window's shortcuts come from one table and agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.ui.windows.keys_dialog import KEYS, Key, KeysDialog
from tests.helpers.windows import open_window

CONTROL = Qt.KeyboardModifier.ControlModifier
PROMISED = (
    "Return",
    "Shift+Return",
    "Esc",
    "Ctrl+N",
    "Ctrl+K",
    "Ctrl+B",
    "Ctrl+E",
    "Ctrl+,",
    "Ctrl+/",
    "Up",
    "Ctrl+Space",
)


def test_the_promised_keys_are_in_the_list() -> None:
    listed = {key.sequence for key in KEYS}
    assert set(PROMISED) <= listed
    assert len(listed) == len(KEYS)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.sequence)
def test_every_name_is_a_key(key: Key) -> None:
    sequence = QKeySequence(key.sequence)
    assert sequence.count() == 1
    assert sequence.toString(QKeySequence.SequenceFormat.PortableText)


def test_no_two_shortcuts_collide(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        made = [shortcut.key().toString() for shortcut in opened.shell.window._shortcuts]
        assert len(made) == len(set(made)) == sum(1 for key in KEYS if key.command)


def test_ctrl_slash_shows_the_list(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        QTest.keyClick(opened.shell.window, Qt.Key.Key_Slash, Qt.KeyboardModifier.ControlModifier)
        dialogs = opened.shell.window.findChildren(KeysDialog)
        assert len(dialogs) == 1
        assert dialogs[0].isVisible()
        assert all(name.text() and text.text() for name, text in dialogs[0].rows)
        dialogs[0].close()


def test_ctrl_n_and_ctrl_t(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        window, controller = opened.shell.window, opened.shell.controller
        made = opened.assistant.new_conversation(title="one")
        controller.open(made.id)
        shown = [controller.state.conversation_id]
        QTest.keyClick(window, Qt.Key.Key_N, CONTROL)
        shown.append(controller.state.conversation_id)
        assert shown == [made.id, None]
        QTest.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
        assert opened.assistant.settings.think
