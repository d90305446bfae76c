"""The page of the guide's claims, with measurements that are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.claims import QUESTIONS
from autoglm_desktop.assistant.claims_machine import Machine
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.ui.claims.page import ClaimsPage
from tests.helpers.windows import Opened, open_window
from tests.unit.test_claims import machine


def page_of(opened: Opened, made: Callable[[], Machine]) -> ClaimsPage:
    desk = opened.shell.desk
    QTest.mouseClick(opened.shell.window.sidebar.guide, Qt.MouseButton.LeftButton)
    assert desk.claims is not None
    desk.claims._make_machine = made
    return desk.claims


def test_claims_fill_the_table_one_by_one(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        page = page_of(opened, machine)
        assert opened.shell.window.pages.currentWidget() is page
        with qtbot.waitSignal(page.measured):
            QTest.mouseClick(page.run, Qt.MouseButton.LeftButton)
        assert page.table.rowCount() == len(QUESTIONS)
        item = page.table.item(len(QUESTIONS) - 1, 4)
        assert item is not None
        assert item.text().startswith(("✓", "≠"))
        assert "autoglm-desktop claims --only kv-reuse" in item.toolTip()
        assert page.run.text() == "Measure now"


def test_a_model_that_is_missing_is_said(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    def missing() -> Machine:
        raise AppError(ErrorCode.MODEL_MISSING, msg("It is not here."), msg("Fetch it."))

    with open_window(qapp, tmp_path) as opened:
        page = page_of(opened, missing)
        QTest.mouseClick(page.run, Qt.MouseButton.LeftButton)
        assert page.told.text() == "It is not here. Fetch it."
        assert not page.running


def test_stopping_is_heard(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        page = page_of(opened, lambda: machine(Machine))
        QTest.mouseClick(page.run, Qt.MouseButton.LeftButton)
        page.toggle()
        qtbot.waitUntil(lambda: not page.running, timeout=20_000)
        assert page.told.text()
