"""What was used: energy by answer, conversation and day, and the file of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTabBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.assistant.ledger import Ledger
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import mix
from autoglm_desktop.ui.widgets.copying import copy_key, open_copy_menu
from autoglm_desktop.ui.widgets.parts import close_button, describe, label
from autoglm_desktop.ui.widgets.save_dialog import ask_where_to_save

from .history_tables import SHARE_ROLE, By, HistoryModel, lines_of, totals


class HistoryDialog(QDialog):
    """Three tables over one ledger. `failed` carries an `ErrorReport`."""

    failed = Signal(object)

    def __init__(self, look: Appearance, ledger: Ledger, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.look, self._ledger = look, ledger
        self.tabs, self.table, self.export = QTabBar(), HistoryTable(look), QPushButton()
        self.sum, self.said = label("value"), label("secondary")
        self._note = label("caption", wrap=True)
        for _ in By:
            self.tabs.addTab("")
        self._lay_out()
        self.tabs.currentChanged.connect(self.refresh)
        self.export.clicked.connect(self._ask_where)
        look.language_changed.connect(self.retranslate)
        self.retranslate()

    @property
    def by(self) -> By:
        """What a line stands for now."""
        return tuple(By)[max(0, self.tabs.currentIndex())]

    def refresh(self) -> None:
        """Read the ledger anew."""
        try:
            lines = lines_of(self._ledger, self.by)
        except AppError as error:
            self.failed.emit(error.report)
            return
        self.table.lines.show_lines(self.by, lines)
        self.table.fit()
        self.sum.setText(totals(lines) if lines else tr("No answer has been counted yet."))
        self.sum.setAccessibleName(self.sum.text())
        self.export.setEnabled(bool(lines))

    def export_to(self, path: Path) -> None:
        """Write all answers to `path`; how it went is said in the dialog."""
        try:
            count = self._ledger.export_csv(path)
        except AppError as error:
            self.said.setText(error.report.line())
        else:
            self.said.setText(tr("{count} lines written to {name}", count=count, name=path.name))
        self.said.setAccessibleName(self.said.text())

    def retranslate(self) -> None:
        """Every string in the current language."""
        self.setWindowTitle(tr("Energy history"))
        for place, text in enumerate((tr("By answer"), tr("By conversation"), tr("By day"))):
            self.tabs.setTabText(place, text)
        self.tabs.setAccessibleName(tr("Energy by answer, conversation or day"))
        self.table.setAccessibleName(tr("Energy history"))
        self.export.setText(tr("Export as CSV…"))
        describe(self.export, tr("Export as CSV"), tr("Write every answer with its energy to a file for spreadsheets"))
        self._note.setText(
            tr("Joules of the phone are simulated; those of this computer say whether they were measured or estimated.")
        )
        self.refresh()

    def _ask_where(self) -> None:
        ask_where_to_save(self, tr("Export as CSV"), "energy.csv", self.export_to)

    def _lay_out(self) -> None:
        self.resize(860, 520)
        foot = QHBoxLayout()
        foot.addWidget(self.export)
        foot.addWidget(self.said, 1)
        foot.addWidget(close_button(self))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 14)
        column.setSpacing(10)
        for part in (self.tabs, self.sum):
            column.addWidget(part)
        column.addWidget(self.table, 1)
        column.addWidget(self._note)
        column.addLayout(foot)


class HistoryTable(QTableView):
    """Rows that can be copied with Ctrl+C or from the menu."""

    def __init__(self, look: Appearance) -> None:
        super().__init__()
        self.lines = HistoryModel(self)
        self.setModel(self.lines)
        self.setItemDelegate(_Bars(look, self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(
            lambda at: open_copy_menu(self, self.copy, self.viewport().mapToGlobal(at))
        )

    def fit(self) -> None:
        """Columns as wide as what is in them; the one with the names takes the rest."""
        self.resizeColumnsToContents()
        header = self.horizontalHeader()
        for place in range(header.count()):
            named = place == self.lines.name_column
            header.setSectionResizeMode(
                place, QHeaderView.ResizeMode.Stretch if named else QHeaderView.ResizeMode.Interactive
            )

    def copy(self) -> None:
        """Selected rows, or all of them when none is selected."""
        rows = sorted({index.row() for index in self.selectedIndexes()}) or range(self.lines.rowCount())
        QGuiApplication.clipboard().setText(self.lines.text(list(rows)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not copy_key(event, self, self.copy):
            super().keyPressEvent(event)


class _Bars(QStyledItemDelegate):
    """A pale bar behind the cells that are compared."""

    def __init__(self, look: Appearance, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE_ROLE)
        if isinstance(share, float):
            box: QRect = option.rect
            wide = round((box.width() - 6) * min(1.0, max(0.0, share)))
            theme = self._look.theme
            color = QColor(mix(theme.surface, theme.accent, 0.18))
            painter.fillRect(box.right() - 3 - wide, box.top() + 3, wide, box.height() - 6, color)
        super().paint(painter, option, index)
