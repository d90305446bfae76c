"""The dialog that starts the kiosk."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.kiosk import load_kiosk
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.windows.kiosk_dialog import KioskDialog


def test_it_makes_a_configuration_and_tells_the_pin(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    dialog = KioskDialog(Appearance(qapp, Settings(language="en")), tmp_path)
    qtbot.addWidget(dialog)
    pin = load_kiosk(tmp_path / "kiosk.toml").pin
    assert pin in dialog.told.text()
    assert dialog.start.isEnabled()
    assert dialog.command()[-1] == str(tmp_path)


def test_a_configuration_that_cannot_be_used_keeps_the_kiosk_closed(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    (tmp_path / "kiosk.toml").write_text('pin = ""', encoding="utf-8")
    dialog = KioskDialog(Appearance(qapp, Settings(language="en")), tmp_path)
    qtbot.addWidget(dialog)
    assert not dialog.start.isEnabled()
    assert "kiosk.toml" in dialog.told.text()
    assert (tmp_path / "kiosk.toml").read_text(encoding="utf-8") == 'pin = ""'
