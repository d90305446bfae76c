"""The left side: new chat, temporary chat, search, conversations by date, and the ways to the other pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QToolButton, QVBoxLayout

from autoglm_desktop.core.conversation import Conversation, SearchHit
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.brand import brand_pixmap
from autoglm_desktop.ui.icons import SIZE_PX, icon, pixmap
from autoglm_desktop.ui.models.conversations import ConversationsModel, found, grouped, title
from autoglm_desktop.ui.style import SIDEBAR_PX, Theme

from .conversation_list import ConversationList
from .parts import Panel, describe, label, paint_icon, rule, tool_button

_SEARCH_PAUSE_MS, _UNDO_MS = 150, 10_000
_KEY_FITS = 1.5
"""Up to this text size the key stands beside “New chat”."""


class Sidebar(Panel):
    """Shows what it is given and tells what was asked for; it changes nothing itself."""

    new_requested = Signal()
    temporary_requested = Signal()
    opened = Signal(str)
    searched = Signal(str)
    renamed = Signal(str, str)
    delete_requested = Signal(str)
    undo_requested = Signal(str)
    export_requested = Signal(str, str)
    settings_requested = Signal()
    scenarios_requested = Signal()
    claims_requested = Signal()
    kiosk_requested = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("sidebar")
        self.setFixedWidth(SIDEBAR_PX)
        self.model = ConversationsModel(self)
        self.list = ConversationList(self.model, look)
        self.search = SearchField()
        self.undo_bar = UndoBar(look)
        self._current: str | None = None
        self._brand, self._name = QLabel(), label("brand", "AutoGLM Desktop")
        self.new_chat = QPushButton()
        self._new_mark, self._new_text, self._new_key = QLabel(), label("body"), label("caption", "Ctrl N")
        self.temporary_chat = tool_button()
        self.scenarios, self.guide, self.kiosk, self.settings = (_entry() for _ in range(4))
        self._empty = label("secondary", wrap=True)
        self._lay_out()
        self._connect()
        self.settle()

    def show_conversations(self, conversations: Sequence[Conversation]) -> None:
        """All conversations, newest first, grouped by date."""
        self.model.set_rows(grouped(conversations, datetime.now()))
        self._empty.setVisible(not conversations)
        self._empty.setText(tr("Your conversations will appear here."))
        self.list.show_current(self._current)

    def show_hits(self, hits: Sequence[SearchHit]) -> None:
        """What a search found."""
        self.model.set_rows(found(hits))
        self._empty.setVisible(not hits)
        self._empty.setText(tr("Nothing found."))
        self.list.show_current(self._current)

    def show_current(self, conversation_id: str | None) -> None:
        """Mark the open conversation."""
        self._current = conversation_id
        self.list.show_current(conversation_id)

    def retranslate(self) -> None:
        self._new_text.setText(tr("New chat"))
        describe(self.new_chat, tr("New chat"), tr("Start a new conversation (Ctrl+N)"))
        describe(
            self.temporary_chat,
            tr("Temporary chat"),
            tr("Temporary chat: never written to disk, gone when the window closes (Ctrl+Shift+N)"),
        )
        self.search.retranslate()
        self.list.retranslate()
        for button, text, tip in (
            (self.scenarios, tr("Battery scenarios"), tr("Play a day of a phone, compare policies")),
            (self.guide, tr("Guide check"), tr("What the guide claims, and what is measured here")),
            (self.kiosk, tr("Kiosk"), tr("How this application becomes a booth for visitors")),
            (self.settings, tr("Settings"), tr("Settings (Ctrl+,)")),
        ):
            button.setText(f"  {text}")
            describe(button, text, tip)

    def set_theme(self, theme: Theme) -> None:
        self._brand.setPixmap(brand_pixmap(theme, 18, self.devicePixelRatioF()))
        self._new_mark.setPixmap(pixmap("plus", theme.text, 16, self.devicePixelRatioF()))
        self.new_chat.setFixedHeight(theme.px(38))
        self._new_key.setVisible(theme.scale <= _KEY_FITS)
        self.search.set_theme(theme)
        paint_icon(self.temporary_chat, "ghost", theme)
        for button, name in (
            (self.scenarios, "battery-medium"),
            (self.guide, "check-square-offset"),
            (self.kiosk, "presentation"),
            (self.settings, "gear-six"),
        ):
            paint_icon(button, name, theme, theme.text)
        self.list.viewport().update()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 14, 10, 10)
        column.setSpacing(8)
        brand = QHBoxLayout()
        brand.setContentsMargins(8, 4, 0, 6)
        brand.setSpacing(10)
        brand.addWidget(self._brand)
        brand.addWidget(self._name)
        brand.addStretch()
        brand.addWidget(self.temporary_chat)
        column.addLayout(brand)
        inside = QHBoxLayout(self.new_chat)
        inside.setContentsMargins(10, 0, 10, 0)
        for part, stretch in ((self._new_mark, 0), (self._new_text, 1), (self._new_key, 0)):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            inside.addWidget(part, stretch)
        column.addWidget(self.new_chat)
        column.addWidget(self.search)
        column.addWidget(self._empty)
        column.addWidget(self.list, 1)
        column.addWidget(self.undo_bar)
        column.addWidget(rule())
        entries = QVBoxLayout()
        entries.setSpacing(0)
        for button in (self.scenarios, self.guide, self.kiosk, self.settings):
            entries.addWidget(button)
        column.addLayout(entries)

    def _connect(self) -> None:
        self.new_chat.clicked.connect(self.new_requested)
        self.temporary_chat.clicked.connect(self.temporary_requested)
        self.settings.clicked.connect(self.settings_requested)
        self.scenarios.clicked.connect(self.scenarios_requested)
        self.guide.clicked.connect(self.claims_requested)
        self.kiosk.clicked.connect(self.kiosk_requested)
        self.search.searched.connect(self.searched)
        self.search.left_downwards.connect(self._enter_list)
        self.list.opened.connect(self.opened)
        self.list.delete_requested.connect(self.delete_requested)
        self.list.export_requested.connect(self.export_requested)
        self.model.renamed.connect(self.renamed)
        self.undo_bar.undone.connect(self.undo_requested)
        undo = QAction(self.list, shortcut=QKeySequence(QKeySequence.StandardKey.Undo))
        undo.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        undo.triggered.connect(self.undo_bar.undo)
        self.list.addAction(undo)

    def _enter_list(self) -> None:
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        first = next((n for n in range(self.model.rowCount()) if self.model.index(n).flags()), None)
        if first is not None and not self.list.currentIndex().isValid():
            self.list.setCurrentIndex(self.model.index(first))


class SearchField(QLineEdit):
    """The search for conversations; tells its words once typing pauses, Esc empties it."""

    searched = Signal(str)
    left_downwards = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("search")
        self._lens = QAction(self)
        self.addAction(self._lens, QLineEdit.ActionPosition.LeadingPosition)
        self._key = label("caption", "Ctrl K")
        self._key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = QHBoxLayout(self)
        inside.setContentsMargins(0, 0, 10, 0)
        inside.addStretch()
        inside.addWidget(self._key)
        self.setTextMargins(0, 0, 48, 0)
        self._pause = QTimer(self, singleShot=True, interval=_SEARCH_PAUSE_MS)
        self._pause.timeout.connect(lambda: self.searched.emit(self.text()))
        self.textChanged.connect(self._changed)

    def retranslate(self) -> None:
        self.setPlaceholderText(tr("Search"))
        describe(self, tr("Search conversations"), tr("Search titles and messages (Ctrl+K)"))

    def set_theme(self, theme: Theme) -> None:
        self._lens.setIcon(icon("magnifying-glass", theme.muted))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.left_downwards.emit()
        else:
            super().keyPressEvent(event)

    def _changed(self, text: str) -> None:
        self._key.setVisible(not text)
        self._pause.start()


class UndoBar(Panel):
    """“Deleted …” with a way back, for ten seconds or until the next deletion."""

    undone = Signal(str)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setProperty("role", "card")
        self._conversation: Conversation | None = None
        self._text = label("secondary")
        self.button = QPushButton()
        self.button.setProperty("role", "link")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 4, 4)
        row.addWidget(self._text, 1)
        row.addWidget(self.button)
        self.button.clicked.connect(self.undo)
        self._leaving = QTimer(self, singleShot=True, interval=_UNDO_MS)
        self._leaving.timeout.connect(self._leave)
        self.hide()
        self.settle()

    def offer(self, conversation: Conversation) -> None:
        """Show the bar for a conversation that was just deleted."""
        self._conversation = conversation
        self.retranslate()
        self.show()
        self._leaving.start()

    def undo(self) -> None:
        """Ask for the conversation back, if the bar is still there."""
        if self._conversation is not None:
            self.undone.emit(self._conversation.id)
        self._leave()

    def retranslate(self) -> None:
        self.button.setText(tr("Undo"))
        describe(self.button, tr("Undo"), tr("Bring the deleted conversation back (Ctrl+Z in the list)"))
        if self._conversation is None:
            return
        told = tr("Deleted “{title}”", title=title(self._conversation))
        self._text.setText(self._text.fontMetrics().elidedText(told, Qt.TextElideMode.ElideMiddle, SIDEBAR_PX - 100))

    def _leave(self) -> None:
        self._conversation = None
        self._leaving.stop()
        self.hide()


def _entry() -> QToolButton:
    button = tool_button()
    button.setProperty("role", "entry")
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setIconSize(QSize(SIZE_PX, SIZE_PX))
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
