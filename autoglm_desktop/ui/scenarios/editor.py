"""A form over a scenario: what starts, what surrounds, how much is asked. Saved under a name of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
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
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, language, msg, tr
from autoglm_desktop.energy.scenario import Phase, Random, Scenario, clock_text
from autoglm_desktop.energy.scenario_files import read_scenario, scenario_ids
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Scroll, describe, label

_PHASES = (
    msg("Begin"),
    msg("End"),
    msg("°C around it"),
    msg("Charger (yes/no)"),
    msg("Screen, 0 to 1"),
    msg("Network (yes/no)"),
)
_WORK = (
    msg("Begin"),
    msg("End"),
    msg("Conversations per hour"),
    msg("Answer tokens, least"),
    msg("Answer tokens, most"),
)


class ScenarioEditor(QDialog):
    """`saved` with the id of the scenario that was written into the user's folder."""

    saved = Signal(str)

    def __init__(
        self, look: Appearance, scenario: Scenario, base: str, own: Path, parent: QWidget | None = None
    ) -> None:
        """`base` is the id that the edited one extends: what the form does not show stays as it is there."""
        super().__init__(parent)
        self._scenario, self._base, self._own = scenario, base, own
        self.setWindowTitle(tr("Edit the scenario"))
        self.id, self.name = QLineEdit(_free_id(base, own)), QLineEdit(scenario.name.of(language()))
        self.begin, self.end = QLineEdit(_clock(scenario.start.time)), QLineEdit(_clock(scenario.end))
        self.battery, self.ambient = (
            _spin(0, 100, scenario.start.battery_percent),
            _spin(-20, 50, scenario.start.ambient_c),
        )
        self.has_goal = QCheckBox(tr("Must last until"))
        goal = scenario.goal
        self.has_goal.setChecked(goal is not None)
        self.until = QLineEdit(_clock(goal.until if goal else scenario.end))
        self.reserve = _spin(0, 100, goal.reserve_percent if goal else 5.0)
        self.phases = _table(_PHASES, [_phase_cells(phase) for phase in scenario.phases])
        self.work = _table(_WORK, [_work_cells(section) for section in scenario.random])
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
        """What the file says: the id of the base, and everything that the form shows."""
        name = self.name.text().strip()
        table: dict[str, Any] = {
            "extends": self._base,
            "id": self.id.text().strip(),
            "name": {"en": name, "zh_CN": name},
            "end": self.end.text().strip(),
            "start": {
                "time": self.begin.text().strip(),
                "battery_percent": self.battery.value(),
                "ambient_c": self.ambient.value(),
            },
            "phases": [_phase_of(cells, old) for cells, old in _rows(self.phases, self._scenario.phases)],
            "random": [_work_of(cells, old) for cells, old in _rows(self.work, self._scenario.random)],
        }
        if self.has_goal.isChecked():
            table["goal"] = {"until": self.until.text().strip(), "reserve_percent": self.reserve.value()}
        return table

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
        for text, table in ((tr("Phases"), self.phases), (tr("Random conversations"), self.work)):
            column.addWidget(label("heading", text))
            describe(table, text)
            column.addWidget(table)
            column.addLayout(_row_buttons(table))
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


def _table(names: Sequence[Text], rows: Sequence[Sequence[str]]) -> QTableWidget:
    made = QTableWidget(len(rows), len(names))
    made.setHorizontalHeaderLabels([str(name) for name in names])
    made.verticalHeader().hide()
    for place, cells in enumerate(rows):
        for column, text in enumerate(cells):
            made.setItem(place, column, QTableWidgetItem(text))
    made.resizeColumnsToContents()
    return made


def _rows(table: QTableWidget, old: Sequence[Any]) -> list[tuple[list[str], Any]]:
    """The cells of every line that is not empty, with the section that stood there, or the last one."""
    found = []
    for row in range(table.rowCount()):
        items = [table.item(row, column) for column in range(table.columnCount())]
        cells = [item.text().strip() if item is not None else "" for item in items]
        if any(cells):
            found.append((cells, old[min(row, len(old) - 1)] if old else None))
    return found


def _phase_cells(phase: Phase) -> list[str]:
    ambient = "" if phase.ambient_c is None else f"{phase.ambient_c:g}"
    return [
        _clock(phase.begin),
        _clock(phase.end),
        ambient,
        _yes(phase.plugged),
        f"{phase.screen:g}",
        _yes(phase.network),
    ]


def _phase_of(cells: Sequence[str], old: Phase | None) -> dict[str, Any]:
    begin, end, ambient, plugged, screen, network = cells
    table: dict[str, Any] = {"begin": begin, "end": end, "plugged": _is_yes(plugged), "screen": _number(screen or "0")}
    if ambient:
        table["ambient_c"] = _number(ambient)
    table["network"] = _is_yes(network or _yes(True))
    if old is not None:
        table |= {"name": old.name, "radio": old.radio, "asleep": old.asleep}
    return table


def _work_cells(section: Random) -> list[str]:
    least, most = section.answer_tok
    return [_clock(section.begin), _clock(section.end), f"{section.per_hour:g}", str(least), str(most)]


def _work_of(cells: Sequence[str], old: Random | None) -> dict[str, Any]:
    begin, end, per_hour, least, most = cells
    kept = {} if old is None else old.model_dump(exclude={"begin", "end", "per_hour", "answer_tok"}, exclude_none=True)
    kept = {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}
    answer = [_number(least or "60"), _number(most or "260")]
    return kept | {"begin": begin, "end": end, "per_hour": _number(per_hour), "answer_tok": [int(n) for n in answer]}


def _number(text: str) -> float:
    """Raises AppError BAD_INPUT."""
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise AppError(
            ErrorCode.BAD_INPUT, msg("“{text}” is not a number.", text=text), msg("Correct it, then save again.")
        ) from error


def _clock(seconds: float) -> str:
    """``HH:MM`` with hours beyond 24 for the next days, as scenario files have it."""
    hours = int(seconds // 3600)
    return f"{hours:02d}:{clock_text(seconds)[3:]}"


def _yes(value: bool) -> str:
    return tr("yes") if value else tr("no")


def _is_yes(text: str) -> bool:
    return text.lower() in {tr("yes"), "yes", "true", "1", "是"}


def _spin(low: float, high: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(1)
    box.setValue(value)
    return box


def _free_id(base: str, own: Path) -> str:
    taken, number = set(scenario_ids(own)), 2
    while f"{base}-{number}" in taken:
        number += 1
    return f"{base}-{number}"
