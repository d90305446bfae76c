"""The settings dialog applies what is changed, at once, and refuses what cannot be."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.energy_state import CHOICES, STATE
from autoglm_desktop.core import i18n
from autoglm_desktop.core.settings import DEFAULT_SYSTEM_PROMPT, Settings, load_settings
from autoglm_desktop.ui.paths import DataPaths
from autoglm_desktop.ui.windows.settings_dialog import SettingsDialog
from tests.helpers.talking import spoken, talking
from tests.helpers.wheels import turn_wheel, turned_by_the_wheel
from tests.helpers.windows import Opened, open_window

_PAGES = ("voice_", "speech_", "speak_", "hands_free", "cloud_", "service_")
"""These have pages of their own."""


def opened_dialog(opened: Opened) -> SettingsDialog:
    """Press Ctrl+, and return what opened."""
    QTest.keyClick(opened.shell.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = opened.shell.desk.settings_dialog
    assert dialog is not None
    assert dialog.isVisible()
    return dialog


def pick(box: QComboBox, value: object) -> None:
    """Choose an entry as a person does: the index changes and `activated` tells."""
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def test_every_setting_has_its_field(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        elsewhere = {*CHOICES, *STATE}  # those are in the energy panel
        elsewhere |= {name for name in Settings.model_fields if name.startswith(_PAGES)}
        for name in Settings.model_fields.keys() - elsewhere:
            assert dialog.field(name).accessibleName(), name


def test_the_wheel_scrolls_every_page_and_changes_nothing(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with talking(qapp, tmp_path, spoken()) as (opened, *_):
        dialog, before = opened_dialog(opened), opened.assistant.settings
        changes: list[Settings] = []
        dialog.changed.connect(changes.append)
        for number in range(dialog.tabs.count()):
            dialog.tabs.setCurrentIndex(number)
            page = dialog.tabs.widget(number)
            assert isinstance(page, QWidget)
            if dialog.tabs.tabText(number) != "Data":
                assert turned_by_the_wheel(page) == []
        dialog.close()
        assert (changes, opened.assistant.settings) == ([], before)


def test_a_box_with_the_focus_turns_with_the_wheel(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        dialog.tabs.setCurrentIndex(1)
        top_k = dialog.field("top_k")
        assert isinstance(top_k, QSpinBox)
        top_k.setFocus()
        qtbot.waitUntil(top_k.hasFocus)
        top_k.setValue(40)
        assert turn_wheel(top_k)
        assert top_k.value() == 39


def test_language_and_theme_switch_live_with_the_dialog_open(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        theme, language = dialog.field("theme"), dialog.field("language")
        assert isinstance(theme, QComboBox)
        assert isinstance(language, QComboBox)
        pick(theme, "dark")
        qtbot.waitUntil(lambda: opened.shell.look.theme.name == "dark")
        pick(language, "zh_CN")
        qtbot.waitUntil(lambda: i18n.language() == "zh_CN")
        assert dialog.windowTitle() == i18n.tr("Settings")
        pick(language, "en")
        qtbot.waitUntil(lambda: i18n.language() == "en")
        assert dialog.windowTitle() == "Settings"


def test_values_reach_the_assistant_together(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        temperature, kv = dialog.field("temperature"), dialog.field("kv_cache_max_bytes")
        enter, tokens = dialog.field("send_on_enter"), dialog.field("max_tokens")
        assert isinstance(temperature, QDoubleSpinBox)
        assert isinstance(kv, QSpinBox)
        assert isinstance(enter, QCheckBox)
        assert isinstance(tokens, QSpinBox)
        assert kv.value() == 1024
        temperature.setValue(0.2)
        kv.setValue(64)
        enter.click()
        tokens.setValue(77)
        qtbot.waitUntil(lambda: opened.assistant.settings.max_tokens == 77, timeout=2000)
        settings = opened.assistant.settings
        assert (settings.temperature, settings.kv_cache_max_bytes) == (0.2, 64 << 20)
        assert settings.send_on_enter is False
        qtbot.waitUntil(lambda: not opened.shell.window.composer.edit.send_on_enter)


def test_the_system_prompt_is_bounded_and_can_be_reset(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        prompt = dialog.field("system_prompt")
        assert isinstance(prompt, QPlainTextEdit)
        prompt.setPlainText("Be brief.")
        qtbot.waitUntil(lambda: opened.assistant.settings.system_prompt == "Be brief.", timeout=2000)
        prompt.setPlainText("x" * 20_001)
        qtbot.waitUntil(lambda: not dialog.error.isHidden(), timeout=2000)
        assert "20,000" in dialog.error.text()
        assert opened.assistant.settings.system_prompt == "Be brief."
        dialog.reset_prompt.click()
        qtbot.waitUntil(lambda: opened.assistant.settings.system_prompt == DEFAULT_SYSTEM_PROMPT, timeout=2000)
        assert dialog.error.isHidden()


def test_closing_applies_what_was_just_typed(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        threads = dialog.field("threads")
        assert isinstance(threads, QSpinBox)
        threads.setValue(3)
        dialog.reject()
        assert opened.assistant.settings.threads == 3
        qtbot.waitUntil(lambda: opened.shell.desk.settings_dialog is None)


def test_a_change_elsewhere_shows_in_the_open_dialog(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        think = dialog.field("think")
        assert isinstance(think, QCheckBox)
        opened.shell.window.composer.think.click()
        qtbot.waitUntil(think.isChecked)
        temperature = dialog.field("temperature")
        assert isinstance(temperature, QDoubleSpinBox)
        temperature.setValue(0.1)
        qtbot.waitUntil(lambda: opened.assistant.settings.temperature == 0.1, timeout=2000)
        assert opened.assistant.settings.think


def test_a_pause_in_typing_changes_nothing_that_is_typed(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        dialog.tabs.setCurrentIndex(1)
        prompt, temperature = dialog.field("system_prompt"), dialog.field("temperature")
        assert isinstance(prompt, QPlainTextEdit)
        assert isinstance(temperature, QDoubleSpinBox)
        prompt.selectAll()
        prompt.setFocus()
        QTest.keyClicks(prompt, "Hello")
        opened.pass_time(60, step_s=1)  # the phone's battery drains meanwhile
        qtbot.waitUntil(lambda: opened.assistant.settings.system_prompt == "Hello", timeout=2000)
        qtbot.waitUntil(lambda: opened.shell.controller.bridge.idle)
        QTest.keyClicks(prompt, " world")
        assert prompt.toPlainText() == "Hello world"
        opened.shell.controller.change_settings(temperature=0.3)  # from elsewhere, before the dialog applied
        qtbot.waitUntil(lambda: temperature.value() == 0.3)
        assert prompt.toPlainText() == "Hello world"
        qtbot.waitUntil(lambda: opened.assistant.settings.system_prompt == "Hello world", timeout=2000)
        assert opened.assistant.settings.temperature == 0.3


def test_what_waits_to_be_applied_is_not_reset_when_the_focus_left(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        tokens, think = dialog.field("max_tokens"), dialog.field("think")
        assert isinstance(tokens, QSpinBox)
        assert isinstance(think, QCheckBox)
        tokens.setValue(77)
        assert not tokens.hasFocus()
        opened.shell.controller.change_settings(think=True)
        qtbot.waitUntil(think.isChecked)
        assert tokens.value() == 77
        qtbot.waitUntil(lambda: opened.assistant.settings.max_tokens == 77, timeout=2000)


def test_folders_can_be_opened(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        dialog = opened_dialog(opened)
        asked: list[Path] = []
        dialog.folder_requested.disconnect()
        dialog.folder_requested.connect(asked.append)
        for button in dialog.findChildren(QPushButton):
            if button.text() == "Open folder":
                button.click()
        paths = DataPaths(tmp_path)
        assert asked == [paths.data_dir, paths.log.parent]


def test_a_settings_file_with_surprises_is_told_in_banners(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    path = DataPaths(tmp_path).settings
    path.write_text('{"temperature": 99, "from_the_future": 1, "language": "en", "theme": "light"}', encoding="utf-8")
    settings, notices = load_settings(path)
    assert notices
    with open_window(qapp, tmp_path, settings=settings) as opened:
        opened.shell.desk.show_notices(notices)
        told = " ".join(banner.accessibleName() for banner in opened.shell.window.banners.banners())
        assert "kept as" in told
