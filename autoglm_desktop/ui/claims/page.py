"""The page of the guide's claims: measured on this machine when asked, beside the simulated phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.claims import Claim, Verdict, claims, verdict_words
from autoglm_desktop.assistant.claims_machine import Machine
from autoglm_desktop.assistant.claims_phone import PhoneFigures
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.jobs import Cancelled, Job, Report
from autoglm_desktop.ui.widgets.parts import Panel, card, describe, label

_COLUMNS = (msg("Claim"), msg("Guide"), msg("This machine"), msg("Phone (simulated)"), msg("Verdict"))
_AIR_PX = 10
"""Between rows: their texts take several lines."""


class ClaimsPage(Panel):
    """`make_machine` gives what measures, with the model unloaded from the window's own engine first."""

    failed = Signal(object)
    measured = Signal()
    """Every claim is answered."""

    def __init__(self, look: Appearance, assistant: Assistant, make_machine: Callable[[], Machine]) -> None:
        super().__init__(look)
        self.setObjectName("page")
        self._assistant, self._make_machine = assistant, make_machine
        self._job: Job | None = None
        self.shown: list[Claim] = []
        self.title, self.about, self.told = label("title"), label("muted", wrap=True), label("secondary", wrap=True)
        self.run = QPushButton()
        self.run.setProperty("role", "primary")
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setProperty("role", "figures")
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.run.clicked.connect(self.toggle)
        self._lay_out()
        self.settle()

    @property
    def running(self) -> bool:
        return self._job is not None

    def toggle(self) -> None:
        """Measure, or stop measuring."""
        if self._job is not None:
            self._job.cancel()
            return
        try:
            machine = self._make_machine()
        except AppError as error:
            self._ended(error.report)
            return
        self.shown = []
        self.table.setRowCount(0)
        self._job = Job(partial(self._measure, machine), name="claims", parent=self)
        self._job.progressed.connect(self._arrived)
        self._job.succeeded.connect(self._done)
        self._job.failed.connect(self._ended)
        self._job.start()
        self.retranslate()

    def close_job(self) -> None:
        """End what runs: the window goes."""
        if self._job is not None:
            self._job.close()
            self._job = None

    def _measure(self, machine: Machine, report: Report, cancelled: Cancelled) -> None:
        """On the job's thread."""
        watched = replace(machine, tell=report, cancelled=cancelled)
        for claim in claims(watched, PhoneFigures(self._assistant.energy.profile)):
            report(claim)

    def _arrived(self, told: object) -> None:
        if isinstance(told, Claim):
            self.shown.append(told)
            self._add(told)
        elif isinstance(told, Text):
            self.told.setText(str(told))

    def _done(self, _: object) -> None:
        self._forget_job()
        self.told.setText(tr("Measured now. A line's tip is the command that repeats it."))
        self.retranslate()
        self.measured.emit()

    def _ended(self, report: object) -> None:
        self._forget_job()
        if isinstance(report, ErrorReport):
            stopped = report.code is ErrorCode.CANCELLED
            self.told.setText(tr("Stopped.") if stopped else f"{report.cause} {report.next_step}")
            if not stopped:
                self.failed.emit(report)
        self.retranslate()

    def _forget_job(self) -> None:
        if self._job is not None:
            self._job.close()
            self._job = None

    def _add(self, claim: Claim) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        cells = (
            claim.id,
            str(claim.guide.text),
            str(claim.this_machine.text),
            str(claim.phone.text),
            _mark(claim.verdict),
        )
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setToolTip("\n".join(filter(None, (str(claim.note or ""), claim.how))))
            self.table.setItem(row, column, item)
        self.table.resizeRowToContents(row)
        self.table.setRowHeight(row, self.table.rowHeight(row) + self.look.theme.px(_AIR_PX))

    def retranslate(self) -> None:
        self.title.setText(tr("Guide check"))
        self.about.setText(
            tr("What the guide says, what this machine measures on the chosen model, what the phone gives.")
        )
        self.run.setText(tr("Stop") if self.running else tr("Measure now"))
        describe(self.run, self.run.text(), tr("Takes a few minutes; the model of the chat is unloaded meanwhile"))
        self.table.setHorizontalHeaderLabels([str(name) for name in _COLUMNS])
        self.table.setAccessibleName(tr("Guide check"))
        self.table.setRowCount(0)
        for claim in self.shown:
            self._add(claim)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 18, 24, 18)
        column.setSpacing(12)
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addStretch()
        top.addWidget(self.run)
        column.addLayout(top)
        column.addWidget(self.about)
        frame, inside = card()
        inside.addWidget(self.table)
        column.addWidget(frame, 1)
        column.addWidget(self.told)


def _mark(verdict: Verdict) -> str:
    """A sign and a word: never colour alone."""
    sign = {Verdict.AGREES: "✓", Verdict.EXCEEDS: "✓", Verdict.DIFFERS: "≠", Verdict.NOT_MEASURED: "–"}[verdict]
    return f"{sign} {verdict_words(verdict)}"
