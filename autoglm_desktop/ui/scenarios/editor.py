"""A form over a scenario: what starts, what surrounds, how much is asked. Saved under a name of its own, in full."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import tomli_w
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import language, msg, tr
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_files import read_scenario, scenario_ids
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Scroll, describe, label
from autoglm_desktop.ui.widgets.wheel import scrolls_past

from .editor_rows import (
    PHASES,
    TALKS,
    WORK,
    clock_words,
    phase_cells,
    phase_of,
    rows,
    section_table,
    talk_cells,
    talk_of,
    work_cells,
    work_of,
)


class ScenarioEditor(QDialog):
    """`saved` with the id of the scenario that was written into the user's folder."""

    saved = Signal(str)

    def __init__(
        self, look: Appearance, scenario: Scenario, base: str, own: Path, parent: QWidget | None = None
    ) -> None:
        """`base` is the id that the new one is made from. What the form does not show stays as it is in `scenario`."""
        super().__init__(parent)
        self._scenario, self._own = scenario, own
        self.setWindowTitle(tr("Edit the scenario"))
        self.resize(840, 720)
        number = _free_number(base, own)
        self._suffix = f" ({number})"
        self.id = QLineEdit(f"{base}-{number}")
        self.name = QLineEdit(scenario.name.of(language()) + self._suffix)
        self.begin, self.end = QLineEdit(clock_words(scenario.start.time)), QLineEdit(clock_words(scenario.end))
        self.battery, self.ambient = (
            _spin(0, 100, scenario.start.battery_percent),
            _spin(-20, 50, scenario.start.ambient_c),
        )
        self.has_goal = QCheckBox(tr("Must last until"))
        goal = scenario.goal
        self.has_goal.setChecked(goal is not None)
        self.until = QLineEdit(clock_words(goal.until if goal else scenario.end))
        self.reserve = _spin(0, 100, goal.reserve_percent if goal else 5.0)
        self.phases = section_table(PHASES, [(phase, phase_cells(phase)) for phase in scenario.phases])
        self.work = section_table(WORK, [(section, work_cells(section)) for section in scenario.random])
        self.talks = section_table(TALKS, [(talk, talk_cells(talk)) for talk in scenario.conversations])
        self.told = label("error", wrap=True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.save)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()

    def save(self) -> None:
        """Check, write, close; what cannot be used is said and nothing is written."""
        try:
            self._write(self._as_table())
        except AppError as error:
            self.told.setText(f"{error.report.cause} {error.report.next_step}")
            describe(self.told, self.told.text())
        else:
            self.saved.emit(self.id.text().strip())
            self.accept()

    def _as_table(self) -> dict[str, Any]:
        """The whole file. It extends nothing: what is taken out here must not come back from there."""
        old = self._scenario
        table: dict[str, Any] = {
            "id": self.id.text().strip(),
            "name": self._names(),
            "description": old.description.model_dump(by_alias=True),
            "phone": old.phone,
            "seed": old.seed,
            "end": self.end.text().strip(),
            "start": {
                "time": self.begin.text().strip(),
                "battery_percent": self.battery.value(),
                "ambient_c": self.ambient.value(),
            },
            "phases": [phase_of(cells, kept) for cells, kept in rows(self.phases)],
            "conversations": [talk_of(cells, kept) for cells, kept in rows(self.talks)],
            "random": [work_of(cells, kept) for cells, kept in rows(self.work)],
        }
        if old.start.body_c is not None:
            table["start"]["body_c"] = old.start.body_c
        if self.has_goal.isChecked():
            table["goal"] = {"until": self.until.text().strip(), "reserve_percent": self.reserve.value()}
        return table

    def _names(self) -> dict[str, str]:
        """The proposed title in each language; one that was typed holds for both."""
        old, name = self._scenario.name, self.name.text().strip()
        if name != old.of(language()) + self._suffix:
            return {"en": name, "zh_CN": name}
        return {each: title + self._suffix for each, title in old.model_dump(by_alias=True).items()}

    def _write(self, table: dict[str, Any]) -> None:
        wanted = table["id"]
        if wanted in scenario_ids(self._own):
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("There is a scenario called {name} already.", name=wanted),
                msg("Choose another short name."),
            )
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("wb", dir=self._own, suffix=".new", delete=False) as file:
                tomli_w.dump(table, file)
            temporary = Path(file.name)
            try:
                read_scenario(temporary, self._own)
                temporary.replace(self._own / f"{wanted}.toml")
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise AppError(
                ErrorCode.NOT_WRITABLE,
                msg("The scenario could not be saved in {path}.", path=str(self._own)),
                msg("Make the folder writable or free some space, then save again."),
                details=str(error),
            ) from error

    def _lay_out(self) -> None:
        outside, body, form = QVBoxLayout(self), QWidget(), QFormLayout()
        body.setMinimumWidth(640)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        goal = QHBoxLayout()
        for widget in (self.has_goal, self.until, self.reserve):
            goal.addWidget(widget)
        for text, field in (
            (tr("Short name (a-z, 0-9, -)"), self.id),
            (tr("Title"), self.name),
            (tr("Begins at"), self.begin),
            (tr("Ends at"), self.end),
            (tr("Battery at the start, %"), self.battery),
            (tr("Temperature of the air, °C"), self.ambient),
        ):
            describe(field, text)
            form.addRow(text, field)
        for field, text in ((self.until, tr("Must last until")), (self.reserve, tr("With so many percent left"))):
            describe(field, text)
        form.addRow(tr("Goal"), goal)
        column.addLayout(form)
        tables = QTabWidget()
        for text, table in (
            (tr("Phases"), self.phases),
            (tr("Conversations at a set time"), self.talks),
            (tr("Random conversations"), self.work),
        ):
            describe(table, text)
            page = QWidget()
            inside = QVBoxLayout(page)
            inside.addWidget(table)
            inside.addLayout(_row_buttons(table))
            tables.addTab(page, text)
        column.addWidget(tables)
        outside.addWidget(Scroll(body), 1)
        outside.addWidget(self.told)
        outside.addWidget(self.buttons)


def _row_buttons(table: QTableWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    add, remove = QPushButton(tr("Add a line")), QPushButton(tr("Remove the line"))
    add.clicked.connect(lambda: table.insertRow(table.rowCount()))
    remove.clicked.connect(
        lambda: table.removeRow(table.currentRow() if table.currentRow() >= 0 else table.rowCount() - 1)
    )
    for button in (add, remove):
        button.setProperty("role", "small")
        describe(button, button.text())
        row.addWidget(button)
    row.addStretch()
    return row


def _spin(low: float, high: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    scrolls_past(box)
    box.setRange(low, high)
    box.setDecimals(1)
    box.setValue(value)
    return box


def _free_number(base: str, own: Path) -> int:
    """For a copy: two in the list must differ, in their titles, too."""
    taken, number = set(scenario_ids(own)), 2
    while f"{base}-{number}" in taken:
        number += 1
    return number
