"""The list of conversations: grouped by date, or the hits of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from autoglm_desktop.core.conversation import Conversation, SearchHit
from autoglm_desktop.core.i18n import tr

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class Group(IntEnum):
    TODAY = 0
    YESTERDAY = 1
    EARLIER = 2

    @property
    def label(self) -> str:
        return (tr("Today"), tr("Yesterday"), tr("Earlier"))[self]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list: a heading (`conversation` None), or a conversation with the excerpt of a search.

    `node_id` is the message that was found, None for a hit in the title.
    """

    group: Group | None
    conversation: Conversation | None = None
    excerpt: str = ""
    node_id: str | None = None


class Role:
    ROW = Qt.ItemDataRole.UserRole


def group_of(updated_s: float, now: datetime) -> Group:
    """The group of a Unix time, by local calendar days before `now`."""
    days = (now.date() - datetime.fromtimestamp(updated_s).date()).days
    return Group.TODAY if days <= 0 else Group.YESTERDAY if days == 1 else Group.EARLIER


def grouped(conversations: Sequence[Conversation], now: datetime) -> tuple[Row, ...]:
    """Conversations (newest first) with a heading before each group."""
    rows: list[Row] = []
    last: Group | None = None
    for conversation in conversations:
        group = group_of(conversation.updated_s, now)
        if group is not last:
            rows.append(Row(group))
            last = group
        rows.append(Row(group, conversation))
    return tuple(rows)


def found(hits: Sequence[SearchHit]) -> tuple[Row, ...]:
    """One line a conversation, with its first excerpt."""
    best: dict[str, SearchHit] = {}
    for hit in hits:
        best.setdefault(hit.conversation.id, hit)
    return tuple(Row(None, hit.conversation, hit.excerpt, hit.node_id) for hit in best.values())


class ConversationsModel(QAbstractListModel):
    """Rows for the sidebar. Editing a title does not change it here: `renamed` asks whoever owns it."""

    renamed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Row, ...] = ()

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        """Show these; lines that stay in place are only redrawn, so that an open title editor survives."""
        if [_identity(row) for row in rows] == [_identity(row) for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def index_of(self, conversation_id: str | None) -> QModelIndex:
        """The line of a conversation, or an invalid index."""
        for number, row in enumerate(self._rows):
            if row.conversation is not None and row.conversation.id == conversation_id:
                return self.index(number)
        return QModelIndex()

    def found_node(self, conversation_id: str) -> str | None:
        """The message that a search found in a conversation, while its hits are shown."""
        index = self.index_of(conversation_id)
        return self._rows[index.row()].node_id if index.isValid() else None

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self._rows[index.row()]
        if role == Role.ROW:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole, Qt.ItemDataRole.AccessibleTextRole):
            return title(row.conversation) if row.conversation else row.group.label if row.group is not None else ""
        if role == Qt.ItemDataRole.ToolTipRole and row.conversation:
            return title(row.conversation)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self._rows[index.row()].conversation is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        conversation = self._rows[index.row()].conversation
        wanted = str(value).strip()
        if conversation is None or not wanted or wanted == conversation.title:
            return False
        self.renamed.emit(conversation.id, wanted)
        return True


def title(conversation: Conversation) -> str:
    """The title as shown: a conversation without words yet has a name too."""
    if conversation.title:
        return conversation.title
    return tr("Temporary conversation") if conversation.temporary else tr("New conversation")


def _identity(row: Row) -> tuple[Group | None, str | None]:
    return row.group, row.conversation.id if row.conversation else None
