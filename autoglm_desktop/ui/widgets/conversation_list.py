"""The conversations of the sidebar: opened by a click or Enter, renamed by F2, deleted by Del, a menu for the rest."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from autoglm_desktop.core.conversation import Conversation
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import pixmap
from autoglm_desktop.ui.models.conversations import ConversationsModel, Role, Row
from autoglm_desktop.ui.style import CAPTION_PX, readable

from .parts import describe

_ROW_PX, _HEADING_PX, _HIT_PX, _INSET_PX = 36, 34, 52, 8


class ConversationList(QListView):
    """A view over `ConversationsModel`."""

    opened = Signal(str)
    delete_requested = Signal(str)
    export_requested = Signal(str, str)
    """Conversation id, and ``markdown`` or ``json``."""

    def __init__(self, model: ConversationsModel, look: Appearance) -> None:
        super().__init__()
        self.setObjectName("conversations")
        self._rows = model
        self.setModel(model)
        self.setItemDelegate(_Delegate(look, self))
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self.open_menu)
        self.clicked.connect(self._open)

    def retranslate(self) -> None:
        """Name the list for assistive tools."""
        describe(self, tr("Conversations"), tr("Enter opens, F2 renames, Delete deletes, the menu key shows more"))

    def show_current(self, conversation_id: str | None) -> None:
        """Mark the open conversation."""
        index = self._rows.index_of(conversation_id)
        if index.isValid():
            self.setCurrentIndex(index)
        else:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        conversation = self._conversation(self.currentIndex())
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.state() != self.State.EditingState:
            self._open(self.currentIndex())
        elif event.key() == Qt.Key.Key_Delete and conversation is not None:
            self.delete_requested.emit(conversation.id)
        else:
            super().keyPressEvent(event)

    def open_menu(self, at: QPoint) -> None:
        """Show the menu of the line at `at`; from the keyboard, of the current line."""
        index = self.indexAt(at)
        conversation = self._conversation(index) or self._conversation(self.currentIndex())
        if conversation is not None:
            self.menu_for(conversation).popup(self.viewport().mapToGlobal(at))

    def menu_for(self, conversation: Conversation) -> QMenu:
        """What can be done with a conversation; the menu deletes itself when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        index = QPersistentModelIndex(self._rows.index_of(conversation.id))
        identity = conversation.id
        menu.addAction(tr("Open"), lambda: self.opened.emit(identity))
        menu.addAction(tr("Rename"), lambda: self.edit(self._rows.index(index.row())))
        menu.addAction(tr("Export as Markdown…"), lambda: self.export_requested.emit(identity, "markdown"))
        menu.addAction(tr("Export as JSON…"), lambda: self.export_requested.emit(identity, "json"))
        menu.addSeparator()
        menu.addAction(tr("Delete"), lambda: self.delete_requested.emit(identity))
        return menu

    def _open(self, index: QModelIndex) -> None:
        conversation = self._conversation(index)
        if conversation is not None:
            self.opened.emit(conversation.id)

    def _conversation(self, index: QModelIndex) -> Conversation | None:
        row = index.data(Role.ROW) if index.isValid() else None
        return row.conversation if isinstance(row, Row) else None


class _Delegate(QStyledItemDelegate):
    """Draws headings, titles, and the excerpts of a search."""

    def __init__(self, look: Appearance, parent: ConversationList) -> None:
        super().__init__(parent)
        self._look = look

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row = index.data(Role.ROW)
        height = _HEADING_PX if row.conversation is None else _HIT_PX if row.excerpt else _ROW_PX
        return QSize(0, round(height * max(1.0, self._look.theme.scale)) + 2)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        row = index.data(Role.ROW)
        area: QRect = option.rect.adjusted(0, 1, 0, -1)
        painter.save()
        if row.conversation is None:
            self._heading(painter, area, str(index.data()))
        else:
            state = option.state
            self._conversation(painter, area, row, str(index.data()), state)
        painter.restore()

    def _heading(self, painter: QPainter, area: QRect, text: str) -> None:
        theme = self._look.theme
        painter.setFont(self._font(CAPTION_PX, bold=True))
        painter.setPen(QColor(readable(theme.faint, theme.background)))
        inner = area.adjusted(_INSET_PX, 8, -_INSET_PX, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, text)

    def _conversation(self, painter: QPainter, area: QRect, row: Row, text: str, state: QStyle.StateFlag) -> None:
        theme = self._look.theme
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.selected if chosen else theme.line))
            painter.drawRoundedRect(QRectF(area), 8, 8)
        if chosen and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(theme.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.setPen(QColor(theme.text))
        painter.setFont(self._font(14, bold=chosen))
        inner = area.adjusted(_INSET_PX, 0, -_INSET_PX, 0)
        if row.conversation is not None and row.conversation.temporary:
            painter.drawPixmap(inner.left(), inner.center().y() - 8, pixmap("ghost", theme.muted, 16))
            inner.setLeft(inner.left() + 22)
        if row.excerpt:
            self._excerpt(painter, inner.adjusted(0, inner.height() // 2, 0, -4), row.excerpt)
            painter.setPen(QColor(theme.text))
            painter.setFont(self._font(14, bold=chosen))
            inner = inner.adjusted(0, 4, 0, -inner.height() // 2)
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, elided)

    def _excerpt(self, painter: QPainter, area: QRect, excerpt: str) -> None:
        """Draw one line of an excerpt; what stands between U+0002 and U+0003 matched and is bold."""
        theme = self._look.theme
        left = area.left()
        flat = " ".join(excerpt.split())
        for number, piece in enumerate(flat.replace("\x03", "\x02").split("\x02")):
            matched = number % 2 == 1
            painter.setFont(self._font(12, bold=matched))
            painter.setPen(QColor(theme.text if matched else theme.muted))
            width = area.right() - left
            shown = painter.fontMetrics().elidedText(piece, Qt.TextElideMode.ElideRight, max(0, width))
            painter.drawText(
                QRect(left, area.top(), max(0, width), area.height()), Qt.AlignmentFlag.AlignVCenter, shown
            )
            left += painter.fontMetrics().horizontalAdvance(shown)

    def _font(self, size: int, *, bold: bool) -> QFont:
        font = QFont(self._look.font)
        font.setPixelSize(self._look.theme.px(size))
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        return font
