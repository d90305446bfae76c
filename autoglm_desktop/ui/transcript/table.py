"""A table: hairlines, a tinted head, cells that wrap; sideways scrolling when it cannot be made narrow enough."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QTextBlockFormat, QTextCursor, QTextFrameFormat, QTextTable, QTextTableFormat
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr

from .blocks import Mark, Span, Table
from .code_block import ScrollingPane
from .formats import char_format
from .look import Look
from .prose import TextOp, insert_formula, resolve
from .stack import Piece

_ALIGN = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


class TableView(Piece):
    """Shows a `Table` leaf that may still grow; rows that did not change are left alone."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._shown = Table((), ())
        self._grid: QTextTable | None = None
        self._awaiting: set[int] = set()
        """Rows with a formula that is still being set."""
        self.pane = ScrollingPane(look, self)
        self.pane.setAccessibleName(tr("Table"))

    def set_table(self, table: Table) -> None:
        """Show `table`."""
        if table == self._shown:
            return
        old, self._shown = self._shown, table
        if self._grid is None or old.alignments != table.alignments or len(old.rows) > len(table.rows):
            self._make_grid(table)
            old = Table((), ())
        self._fill(old)

    def refresh_formulas(self) -> bool:
        """Draw formulas that arrived since; True when something changed."""
        if not self._awaiting:
            return False
        self._fill(self._shown)
        return True

    def arrange(self, width: int) -> int:
        self.pane.text_height(width)
        height = self.pane.fit(width)
        self.pane.setGeometry(0, 0, width, height)
        return height

    def focusables(self) -> list[QWidget]:
        links = any(span.href for row in self._shown.rows for cell in row for span in cell)
        self.pane.setFocusPolicy(Qt.FocusPolicy.StrongFocus if links else Qt.FocusPolicy.ClickFocus)
        return [self.pane] if links else []

    def _make_grid(self, table: Table) -> None:
        self.pane.document().clear()
        self._awaiting.clear()
        form = QTextTableFormat()
        form.setBorderCollapse(True)
        form.setBorder(1)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(QColor(self._look.theme.line)))
        form.setCellPadding(6)
        form.setCellSpacing(0)
        form.setHeaderRowCount(1)
        cursor = QTextCursor(self.pane.document())
        self._grid = cursor.insertTable(len(table.rows), len(table.alignments), form)

    def _fill(self, old: Table) -> None:
        grid = self._grid
        if grid is None:
            return
        cursor = QTextCursor(self.pane.document())
        cursor.beginEditBlock()
        if len(self._shown.rows) > grid.rows():
            grid.appendRows(len(self._shown.rows) - grid.rows())
        for number, row in enumerate(self._shown.rows):
            if number >= len(old.rows) or old.rows[number] != row or number in self._awaiting:
                self._fill_row(grid, number, row)
        cursor.endEditBlock()

    def _fill_row(self, grid: QTextTable, number: int, row: tuple[tuple[Span, ...], ...]) -> None:
        self._awaiting.discard(number)
        for column, spans in enumerate(row):
            cell = grid.cellAt(number, column)
            if number == 0:
                form = cell.format()
                form.setBackground(QColor(self._look.wash))
                cell.setFormat(form)
            cursor = cell.firstCursorPosition()
            cursor.setPosition(cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
            cursor.removeSelectedText()
            block = QTextBlockFormat()
            block.setAlignment(_ALIGN.get(self._shown.alignments[column], Qt.AlignmentFlag.AlignLeft))
            line = round(self._look.body_px * 1.4)
            block.setLineHeight(line, int(QTextBlockFormat.LineHeightTypes.MinimumHeight.value))
            cursor.setBlockFormat(block)
            for span in spans:
                if not self._insert(cursor, span, head=number == 0):
                    self._awaiting.add(number)

    def _insert(self, cursor: QTextCursor, span: Span, *, head: bool) -> bool:
        """Write a span into a cell; False when a formula stands there as source until it is set."""
        op = resolve(self._look, span, room=10_000)
        if op is None or isinstance(op, TextOp):
            shown = op.span if op else span
            mark = shown.mark | (Mark.BOLD if head else Mark.NONE)
            form = char_format(self._look, Span("", mark, shown.href), 0, self._look.theme.text)
            cursor.insertText(shown.text, form)
        else:
            insert_formula(cursor, self._look, op, self._look.theme.text, self.devicePixelRatioF())
        return op is not None
