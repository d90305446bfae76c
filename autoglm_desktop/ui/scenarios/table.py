"""The figures of the compared runs, one line for each policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from autoglm_desktop.assistant.scenario_desk import Comparison, best_of, lasted_s
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.scenario import clock_text
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.energy.verdict import not_measured
from autoglm_desktop.ui.energy import words
from autoglm_desktop.ui.figures import count

_END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
Cell = Callable[[Result, Comparison], str]


def _goal(result: Result, comparison: Comparison) -> str:
    met = result.figures["goal_met"]
    if met is None:
        return words.DASH
    if met:
        return tr("met")
    off_s = result.figures["went_off_s"]
    if off_s is None:
        return tr("not met")
    return tr("off at {time}", time=clock_text(comparison.scenario.start.time + off_s))


def _seconds(value: Any) -> str:
    return words.DASH if value is None else tr("{seconds} s", seconds=words.number(value, 1))


COLUMNS: tuple[tuple[Text, Cell], ...] = (
    (msg("Policy"), lambda r, _: words.policy(Policy(r.policy))),
    (msg("Lasts"), lambda r, c: words.span(lasted_s(r, c.scenario))),
    (msg("Goal"), _goal),
    (msg("Tokens"), lambda r, _: count(round(r.figures["tokens"]))),
    (msg("J/token"), lambda r, _: words.joules(r.figures["joules_per_token"])),
    (msg("Wait, p95"), lambda r, _: _seconds(r.figures["p95_first_token_s"])),
    (msg("Body, max"), lambda r, _: f"{words.number(r.figures['max_skin_temp_c'], 1)} °C"),
    (msg("Throttled"), lambda r, _: words.span(r.figures["throttled_s"]) if r.figures["throttled_s"] else "0"),
    (msg("Switches"), lambda r, _: str(r.figures["switches"])),
    (msg("KL"), lambda r, _: words.number(r.figures["quality"], 3)),
)


_QUALITY = len(COLUMNS) - 1


class FigureTable(QTableWidget):
    """The best line is bold; cells can be copied."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.setWordWrap(False)
        self.setProperty("role", "figures")
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setHighlightSections(False)
        self.retranslate(None)

    def retranslate(self, comparison: Comparison | None) -> None:
        """Everything in the current language."""
        self.setHorizontalHeaderLabels([str(name) for name, _ in COLUMNS])
        self.setAccessibleName(tr("Figures of the compared policies"))
        self.show_comparison(comparison)

    def show_comparison(self, comparison: Comparison | None) -> None:
        """Fill in the figures."""
        results = comparison.results if comparison is not None else ()
        self.setRowCount(len(results))
        best = best_of(comparison) if comparison is not None else None
        for row, result in enumerate(results):
            for column, (_, cell) in enumerate(COLUMNS):
                item = QTableWidgetItem(cell(result, comparison) if comparison is not None else "")
                if column:
                    item.setTextAlignment(_END)
                if column == _QUALITY and result.figures["quality"] is None:
                    item.setToolTip(str(not_measured()))
                font = item.font()
                font.setBold(result is best)
                item.setFont(font)
                self.setItem(row, column, item)
        self.resizeRowsToContents()
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows + 16)
