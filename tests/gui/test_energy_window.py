"""Energy in the whole window: the slider changes the next answer; figures, history and the one line follow."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.events import EngineState
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.engine.script import Reply
from autoglm_desktop.ui.energy.history import HistoryDialog
from autoglm_desktop.ui.energy.turn_marks import EnergyMark
from tests.helpers.energy_panels import drag
from tests.helpers.windows import Opened, open_window

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def say(qtbot: QtBot, opened: Opened, text: str) -> Node:
    """Ask, wait until the window shows the whole answer, and return it."""
    before = len(opened.finished)
    edit = opened.shell.window.composer.edit
    edit.setFocus()
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: opened.idle(before + 1), timeout=10_000)
    return opened.finished[-1].node


def marks(opened: Opened) -> list[str]:
    """What the energy marks under the shown answers say."""
    return [mark.text for mark in opened.shell.window.transcript.findChildren(EnergyMark)]


def show_panel(opened: Opened) -> None:
    """The screen of the tests is small: the panel is put away at first."""
    opened.shell.window.resize(1440, 900)
    if opened.shell.window.dock.isHidden():
        opened.shell.window.toggle_dock()
    opened.pass_time(0.2)


def test_the_slider_changes_the_tier_of_the_next_answer(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, [Reply("First."), Reply("Second one.")]) as opened:
        show_panel(opened)
        window = opened.shell.window
        assert say(qtbot, opened, "one").tier is Tier.FP16
        drag(window.dock.cards.battery.slider, 20)
        opened.pass_time(0.2)
        qtbot.waitUntil(lambda: window.top_bar.tiers.buttons[TierChoice.AUTO].text() == "Auto · INT4")
        answer = say(qtbot, opened, "two")
        assert answer.tier is Tier.INT4
        assert answer.usage is not None
        assert answer.usage.tier is Tier.INT4
        assert answer.energy is not None
        assert answer.energy.tier is Tier.INT4
        opened.pass_time(0.2)
        assert window.dock.cards.tier.badge.tier is Tier.INT4
        assert "INT4" in window.dock.cards.log.text.toPlainText()
        joules = answer.energy.phone.value
        assert joules is not None
        assert joules > 0.0
        assert float(window.dock.cards.cost.answer.shown.value) == pytest.approx(joules, rel=0.06)


def test_a_tier_that_the_phone_cannot_hold_says_so_at_its_button(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path, []) as opened:
        opened.assistant.energy.set_phone("iphone-17-pro")
        buttons = opened.shell.window.top_bar.tiers.buttons
        qtbot.waitUntil(lambda: "18.8 GB" in buttons[TierChoice.FP16].toolTip())
        assert "may hold 6.0 GB" in buttons[TierChoice.FP16].toolTip()
        assert "may hold" not in buttons[TierChoice.INT4].toolTip()
        QTest.mouseClick(buttons[TierChoice.FP16], Qt.MouseButton.LeftButton)
        assert opened.assistant.effective_tier().tier is Tier.FP16
        assert "18.8 GB" in str(opened.assistant.effective_tier().reason)


def test_an_answer_of_a_phone_that_is_off_says_so_in_the_place_of_joules(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with open_window(qapp, tmp_path, [Reply("An answer of some words.")]) as opened:
        opened.assistant.energy.set_battery(0.0)
        opened.pass_time(2.0)
        answer = say(qtbot, opened, "hello")
        assert answer.energy is not None
        assert answer.energy.phone.value == 0.0
        qtbot.waitUntil(lambda: "phone off" in marks(opened))
        assert not any("simulated" in text for text in marks(opened))


def test_joules_stand_under_the_answer_and_are_copied(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, [Reply("An answer of some words.")]) as opened:
        say(qtbot, opened, "hello")
        qtbot.waitUntil(lambda: any("J (simulated)" in text for text in marks(opened)))
        mark = next(
            mark
            for mark in opened.shell.window.transcript.findChildren(EnergyMark)
            if mark.text.endswith("J (simulated)")
        )
        mark.setFocus()
        QTest.keyClick(mark, Qt.Key.Key_C, CONTROL)
        assert QApplication.clipboard().text() == mark.text
        assert mark.accessibleName().endswith("J, simulated")
        assert "prompt included" in mark.toolTip()


def test_a_hot_phone_answers_from_the_cache_and_says_so(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path, [Reply("Same."), Reply("Other.")]) as opened:
        show_panel(opened)
        drag(opened.shell.window.dock.cards.heat.hold, 70)
        opened.pass_time(0.2)
        first = say(qtbot, opened, "what is it")
        assert first.energy is not None
        assert first.energy.max_new_tokens == 64
        qtbot.waitUntil(lambda: "capped at 64 tokens" in marks(opened))
        opened.shell.controller.new_chat()
        second = say(qtbot, opened, "what is it")
        assert second.from_cache
        assert second.text == first.text
        qtbot.waitUntil(lambda: "from cache" in marks(opened))
        assert "0 J (simulated)" in marks(opened)


def test_the_one_line_follows_while_the_panel_is_hidden(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        show_panel(opened)
        window = opened.shell.window
        assert window.status_line.feed is not None
        assert not window.status_line.feed.running
        QTest.keyClick(window, Qt.Key.Key_E, CONTROL)
        opened.pass_time(1.0)
        assert window.dock.feed is not None
        assert not window.dock.feed.running
        text = window.status_line.text()
        assert text.startswith("FP16 · 80 % · ")
        assert text.endswith(" · simulated")
        assert window.status_line.button.accessibleName() == f"Energy: {text}"
        opened.assistant.energy.set_battery(0.25)
        opened.pass_time(2.0)
        assert window.status_line.text().startswith("INT4 · 25 %")
        QTest.mouseClick(window.status_line.button, Qt.MouseButton.LeftButton)
        assert not window.dock.isHidden()


def test_parts_are_loaded_and_given_back_from_the_panel(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path) as opened:
        show_panel(opened)
        card = opened.shell.window.dock.cards.memory
        assert card.rows[0].figure.shown.note == "not loaded"
        QTest.mouseClick(card.rows[0].button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.assistant.engine_status().state is EngineState.READY)
        opened.pass_time(0.2)
        assert card.rows[0].figure.shown.plain == "412 MB"
        assert card.rows[0].button.text() == "Unload"
        reading = card.rows[2]
        assert reading.button.toolTip() == reading.figure.shown.tip != ""
        QTest.mouseClick(reading.button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: any(one.loaded for one in opened.assistant.engine_status().modalities))
        opened.pass_time(0.2)
        assert reading.button.text() == "Unload"
        QTest.mouseClick(reading.button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not any(one.loaded for one in opened.assistant.engine_status().modalities))
        QTest.mouseClick(card.rows[0].button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.assistant.engine_status().state is EngineState.STOPPED)
        opened.pass_time(0.2)
        assert card.rows[0].figure.shown.note == "not loaded"


def test_the_history_lists_sums_copies_and_exports(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with open_window(qapp, tmp_path / "data", [Reply("One."), Reply("Two."), Reply("Three.")]) as opened:
        say(qtbot, opened, "first")
        say(qtbot, opened, "again")
        opened.shell.controller.new_chat()
        say(qtbot, opened, "second")
        QTest.keyClick(opened.shell.window, Qt.Key.Key_E, CONTROL | SHIFT)
        dialog = opened.shell.window.findChild(HistoryDialog)
        assert isinstance(dialog, HistoryDialog)
        assert dialog.table.lines.rowCount() == 3
        assert dialog.sum.text().startswith("3 answers, ")
        dialog.tabs.setCurrentIndex(1)
        assert dialog.table.lines.rowCount() == 2
        dialog.tabs.setCurrentIndex(2)
        assert dialog.table.lines.rowCount() == 1
        QTest.keyClick(dialog.table, Qt.Key.Key_C, CONTROL)
        head, line = QApplication.clipboard().text().splitlines()
        assert head.split("\t")[:2] == ["Day", "Answers"]
        assert line.split("\t")[1] == "3"
        path = tmp_path / "mine.csv"
        QTest.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
        where = dialog.findChild(QFileDialog)
        assert where is not None
        where.setDirectory(str(tmp_path))
        name = where.findChild(QLineEdit, "fileNameEdit")
        assert name is not None
        assert name.text() == "energy.csv"
        name.setText("mine")  # gets its suffix
        QTest.keyClick(name, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: dialog.said.text() == "3 lines written to mine.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        total = sum(float(row["phone_j"]) for row in rows)
        assert sum(turn.phone_j for turn in opened.assistant.ledger.turns()) == pytest.approx(total, abs=0.01)
        dialog.export_to(tmp_path / "missing" / "energy.csv")
        assert "could not be written" in dialog.said.text()
        dialog.close()


def test_a_window_is_built_without_the_libraries_of_the_plot() -> None:
    """They take as long as the window may take to be visible."""
    told = subprocess.run(
        [sys.executable, "-c", "import sys, autoglm_desktop.ui.shell; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert "autoglm_desktop.ui.energy.panel" in told
    assert not {"pyqtgraph", "numpy", "autoglm_desktop.ui.energy.cards"} & set(told)
