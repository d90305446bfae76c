"""Every dialog fits a small screen, also with the largest text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.routing import Endpoint
from autoglm_desktop.core.service import ServiceState, ServiceStatus
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.devices.camera import SyntheticCamera
from autoglm_desktop.energy.scenario_files import load_scenario
from autoglm_desktop.ui.energy.history import HistoryDialog
from autoglm_desktop.ui.images.camera_dialog import CameraDialog
from autoglm_desktop.ui.images.viewer import ImageViewer
from autoglm_desktop.ui.scenarios.editor import ScenarioEditor
from autoglm_desktop.ui.widgets.parts import Scroll
from autoglm_desktop.ui.windows.consent_dialog import ConsentDialog
from autoglm_desktop.ui.windows.keys_dialog import KeysDialog
from autoglm_desktop.ui.windows.kiosk_dialog import KioskDialog
from autoglm_desktop.ui.windows.settings_pages.cloud import CloudPage
from autoglm_desktop.ui.windows.settings_pages.service import ServicePage
from tests.helpers.windows import Opened, open_window

ROOM = QSize(1366, 768 - 40)
"""A small laptop's screen without the title bar."""
NO_ROOM = ErrorReport(ErrorCode.OUT_OF_MEMORY, msg("There is no room."), msg("Use a smaller tier."), "9 GB", "int4")
ENDPOINT = Endpoint("https://example.com/v1", "a-model", takes_images=True)


def settings(opened: Opened) -> QDialog:
    opened.shell.desk.show_settings()
    dialog = opened.shell.desk.settings_dialog
    assert dialog is not None
    dialog.add_page(CloudPage(opened.shell.look, opened.assistant.settings))
    dialog.add_page(ServicePage(opened.shell.look, opened.assistant.settings, ServiceStatus(ServiceState.OFF)))
    return dialog


def models(opened: Opened) -> QDialog:
    opened.shell.desk.show_models()
    manager = opened.shell.desk.manager
    assert manager is not None
    return manager


def viewer(opened: Opened) -> QDialog:
    part = ImagePart("0" * 64, "image/png", 4000, 3000, "a.png")
    return ImageViewer(opened.shell.look, [part, part], 0, Path)


def editor(opened: Opened) -> QDialog:
    folder = opened.shell.desk.paths.data_dir / "scenarios"
    return ScenarioEditor(opened.shell.look, load_scenario("travel-day", folder), "travel-day", folder)


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize(
    "make",
    [
        settings,
        models,
        viewer,
        editor,
        lambda opened: KeysDialog(opened.shell.look),
        lambda opened: KioskDialog(opened.shell.look, opened.shell.desk.paths.data_dir),
        lambda opened: ConsentDialog(opened.shell.look, ENDPOINT),
        lambda opened: HistoryDialog(opened.shell.look, opened.assistant.ledger),
        lambda opened: CameraDialog(opened.shell.look, SyntheticCamera()),
    ],
    ids=["settings", "models", "viewer", "scenario", "keys", "kiosk", "consent", "history", "camera"],
)
def test_a_dialog_fits_a_small_screen(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, make: Callable[[Opened], QDialog], scale: float
) -> None:
    look = Settings(language="en", theme="light", font_scale=scale)
    with open_window(qapp, tmp_path, settings=look) as opened:
        dialog = make(opened)
        dialog.show()
        qtbot.waitUntil(dialog.isVisible)
        least = dialog.minimumSizeHint().expandedTo(dialog.minimumSize())
        assert (least.width() <= ROOM.width(), least.height() <= ROOM.height()) == (True, True), least
        dialog.resize(1, 1)  # as small as it lets itself be made
        for scrolled in dialog.findChildren(Scroll):  # nothing is cut off at the side, where no bar would show it
            if scrolled.isVisible():
                body = scrolled.widget()
                assert body is not None
                assert body.minimumSizeHint().width() <= scrolled.viewport().width()
        for button in dialog.findChildren(QPushButton):
            assert button.width() >= button.minimumSizeHint().width() or not button.isVisible(), button.text()
        dialog.close()
        dialog.deleteLater()


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_window_fits_and_cuts_no_words(qtbot: QtBot, qapp: QApplication, tmp_path: Path, scale: float) -> None:
    look = Settings(language="en", theme="light", font_scale=scale)
    with open_window(qapp, tmp_path, settings=look) as opened:
        window = opened.shell.window
        least = window.minimumSizeHint().expandedTo(window.minimumSize())
        assert (least.width() <= ROOM.width(), least.height() <= ROOM.height()) == (True, True), least
        for part in window.sidebar.new_chat.findChildren(QLabel):
            if part.isVisible():
                assert window.sidebar.new_chat.rect().contains(part.geometry()), part.text()
                assert part.width() >= part.sizeHint().width(), part.text()
        window.resize(ROOM)
        opened.shell.desk.show_error(NO_ROOM)
        qtbot.waitUntil(window.banners.isVisible)
        (banner,) = window.banners.banners()
        for way in (*banner.actions_shown, banner.details_button, banner.log_button):
            assert way.width() >= way.sizeHint().width(), way.text()
