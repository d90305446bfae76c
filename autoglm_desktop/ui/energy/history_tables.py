"""The ledger as tables: columns, cells and sums, without widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from autoglm_desktop.assistant.ledger import Ledger
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.store.ledger import LedgerRow, LedgerTurn
from autoglm_desktop.ui.figures import count

from . import words

SHARE_ROLE = int(Qt.ItemDataRole.UserRole)
"""0 to 1: how long the bar behind a cell is."""
_Index = QModelIndex | QPersistentModelIndex
_END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_START = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class By(StrEnum):
    """What a line of the history stands for."""

    TURN = "turn"
    CONVERSATION = "conversation"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    """A column over lines of one kind; `bar` gives the number that its bars compare."""

    name: Text
    cell: Callable[[Any], str]
    figures: bool = True
    bar: Callable[[Any], float] | None = None


def lines_of(ledger: Ledger, by: By) -> list[LedgerTurn] | list[LedgerRow]:
    """The ledger's lines, newest first. Raises what the store raises."""
    if by is By.TURN:
        return ledger.turns()
    return ledger.conversations() if by is By.CONVERSATION else ledger.days()


def columns(by: By) -> tuple[Column, ...]:
    """The columns of one kind of line."""
    phone = Column(msg("Phone, simulated"), lambda line: words.joules(line.phone_j), bar=lambda line: line.phone_j)
    shared = (
        Column(msg("Tokens"), lambda line: count(line.tokens)),
        Column(msg("Reused"), lambda line: count(line.cached_tokens)),
        phone,
    )
    if by is By.TURN:
        return (
            Column(msg("When"), lambda turn: f"{datetime.fromtimestamp(turn.at_s):%Y-%m-%d %H:%M}", figures=False),
            Column(msg("Conversation"), lambda turn: _title(turn.title, turn.conversation_id), figures=False),
            Column(msg("Tier"), lambda turn: turn.tier.label, figures=False),
            *shared,
            Column(msg("This computer"), _computer),
            Column(msg("From cache"), lambda turn: tr("yes") if turn.from_cache else "", figures=False),
        )
    name = (
        Column(msg("Day"), lambda row: row.label, figures=False)
        if by is By.DAY
        else Column(msg("Conversation"), lambda row: _title(row.label, row.conversation_id), figures=False)
    )
    return (
        name,
        Column(msg("Answers"), lambda row: count(row.turns)),
        *shared,
        Column(msg("Measured here"), lambda row: _or_dash(row.measured_j)),
        Column(msg("Estimated here"), lambda row: _or_dash(row.estimated_j)),
        Column(msg("From cache"), lambda row: count(row.from_cache) if row.from_cache else ""),
    )


def totals(lines: Sequence[LedgerTurn | LedgerRow]) -> str:
    """All lines in one sentence."""
    answers = sum(line.turns if isinstance(line, LedgerRow) else 1 for line in lines)
    tokens, phone_j = sum(line.tokens for line in lines), sum(line.phone_j for line in lines)
    return tr("{answers} answers, {tokens} tokens, {joules} of the phone",
              answers=count(answers), tokens=count(tokens), joules=words.joules(phone_j))  # fmt: skip


class HistoryModel(QAbstractTableModel):
    """Lines of one kind as Qt's tables want them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns: tuple[Column, ...] = ()
        self._lines: list[Any] = []
        self._highest: list[float] = []
        self.name_column = 0

    def show_lines(self, by: By, lines: Sequence[LedgerTurn | LedgerRow]) -> None:
        """Show these."""
        self.beginResetModel()
        self._columns, self._lines = columns(by), list(lines)
        self.name_column = 1 if by is By.TURN else 0
        self._highest = [
            max((column.bar(line) for line in self._lines), default=0.0) if column.bar is not None else 0.0
            for column in self._columns
        ]
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column, line = self._columns[index.column()], self._lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.cell(line)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _END if column.figures else _START
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.name}: {column.cell(line)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.cell(line)
        highest = self._highest[index.column()]
        if role == SHARE_ROLE and column.bar is not None and highest > 0.0:
            return column.bar(line) / highest
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and section < len(self._columns):
            if role == Qt.ItemDataRole.DisplayRole:
                return str(self._columns[section].name)
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return _END if self._columns[section].figures else _START
        return None

    def text(self, rows: Sequence[int]) -> str:
        """Header and rows as tab-separated text, for the clipboard."""
        head = "\t".join(str(column.name) for column in self._columns)
        body = ("\t".join(column.cell(self._lines[row]) for column in self._columns) for row in rows)
        return "\n".join((head, *body))


def _title(title: str, conversation_id: str | None) -> str:
    if conversation_id is None:
        return tr("(deleted, or asked by another program)")
    return title or tr("New conversation")


def _or_dash(joules: float | None) -> str:
    return words.DASH if joules is None else words.joules(joules)


def _computer(turn: LedgerTurn) -> str:
    """Joules with their provenance: one column holds measured and estimated ones."""
    if turn.computer_j is None:
        return words.DASH
    origin = Provenance.MEASURED if turn.measured_j is not None else Provenance.ESTIMATED
    return f"{words.joules(turn.computer_j)} ({words.provenance(origin)})"
