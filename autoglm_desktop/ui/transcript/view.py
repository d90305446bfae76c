"""The scrolling column of messages.

Only rows near the visible part exist as widgets; all others are an estimated height. Whatever is measured, made or
thrown away, the row at the top of the visible part stays where it is; or the end does, while the view follows it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QWidget

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.events import Phase, TierSwitched
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.style import COLUMN_PX, LIGHT, Theme

from .background import Background
from .body import Tools
from .empty import Greeting
from .formulas import Formulas
from .heights import Heights
from .highlight import Lexers
from .intents import Intents
from .jump import JumpButton
from .look import Look
from .message import GUTTER_PX, AnswerRow, MessageRow, NoticeRow, PromptRow
from .row import Entry, Notice, Row, estimated_height
from .stack import Piece

GAP_PX, TOP_PX, BOTTOM_PX, SIDE_PX = 12, 24, 28, 24
FLUSH_MS = 30
BUSY_SHARE = 3
"""After a flush that took t, the next one waits at least this many times t: typing and scrolling come first."""
MAX_LIVE = 40
"""More rows than that are thrown away at once where they are not seen, fewer when there is time."""
FOLLOW_PX = 24
"""So close to the end, the view follows it."""


class _Keep(Enum):
    """What stays in place when heights change."""

    END = "end"
    TOP = "top"


class TranscriptView(QScrollArea):
    """Shows the branch of a conversation, root first. All methods run on the GUI thread."""

    edit_submitted = Signal(str, str)
    regenerate_requested = Signal(str)
    branch_selected = Signal(str)
    retry_requested = Signal(str)
    continue_requested = Signal(str)
    context_choice = Signal(str)
    tier_suggested = Signal(str)
    suggestion_chosen = Signal(str)
    copied = Signal(str)

    def __init__(self, theme: Theme = LIGHT, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._background = Background(self)
        self._formulas = Formulas(self, self._background)
        self._formulas.arrived.connect(self._formulas_arrived)
        self._tools = Tools(Look(theme, self._formulas, QApplication.font()), Lexers(self._background))
        self._intents = self._connected_intents()
        self._entries: list[Entry] = []
        self._index: dict[str, int] = {}
        self._heights = Heights(GAP_PX)
        self._live: dict[str, Piece] = {}
        self._dirty: set[str] = set()
        self._keep, self._anchor = _Keep.END, (0, 0)
        self._placing = False
        self._greeting: Greeting | None = None
        self._canvas = QWidget()
        self._canvas.setAutoFillBackground(False)
        self.setWidget(self._canvas)
        self._jump = JumpButton(self._tools.look, self)
        self._jump.clicked.connect(self.scroll_to_end)
        self._flush_timer = self._timer(self._flush)
        self._ahead_timer = self._timer(self._build_ahead)
        self._settle_timer = self._timer(self._formulas_settled)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.setAccessibleName(tr("Conversation"))
        self._apply_theme()

    # What is shown

    def set_path(self, nodes: Sequence[Node]) -> None:
        """Show these messages. Rows that did not change keep their widgets, an answer in the making what arrived."""
        old = {entry.key: entry for entry in self._entries}
        entries: list[Entry] = []
        notices: dict[str, list[Notice]] = {}
        for entry in self._entries:
            if isinstance(entry, Notice):
                notices.setdefault(entry.node_id, []).append(entry)
        for node in nodes:
            known = old.get(node.id)
            entries.append(_updated(known, node) if isinstance(known, Row) else Row.of(node))
            entries.extend(notices.get(node.id, ()))
        same_start = bool(entries and self._entries and entries[0].key == self._entries[0].key)
        fresh = {entry.key: entry for entry in entries}
        for key in [key for key in self._live if fresh.get(key) != old.get(key)]:
            self._drop(key)
        if not same_start:
            self._keep = _Keep.END
        self._set_entries(entries)

    def add_node(self, node: Node) -> None:
        """A message joined below its parent; what was shown below that before is another branch now."""
        if node.id in self._index:
            self._replace(node.id, Row.of(node))
            return
        parent = self._index.get(node.parent_id or "")
        if parent is not None or node.parent_id is None:
            last = 0 if parent is None else parent + 1
            while last < len(self._entries) and isinstance(self._entries[last], Notice):
                last += 1
            self._truncate(last)
        self._append(Row.of(node))
        if not node.text or Row.of(node).is_user:
            self._keep = _Keep.END
        self._refresh()

    def append_delta(
        self, node_id: str, text: str = "", reasoning: str = "", *, start: int | None = None, tokens: int = 1
    ) -> None:
        """More text of an answer. `start`, where known, is how much of that kind there was before: what is already
        shown is left out. Cheap: the display follows within about 30 ms.
        """
        row = self._row(node_id)
        if row is None:
            return
        text = _fresh(text, start, len(row.text))
        reasoning = _fresh(reasoning, start, len(row.reasoning))
        now = time.monotonic()
        self._entries[self._index[node_id]] = replace(
            row,
            text=row.text + text,
            reasoning=row.reasoning + reasoning,
            tokens=row.tokens + tokens,
            first_token_s=now if row.first_token_s is None else row.first_token_s,
            last_token_s=now,
        )
        self._mark(node_id)

    def set_phase(self, node_id: str, phase: Phase, fraction: float | None = None) -> None:
        """What happens for an answer now."""
        row = self._row(node_id)
        if row is not None:
            self._entries[self._index[node_id]] = replace(row, phase=phase, fraction=fraction)
            self._mark(node_id)

    def set_stopping(self, node_id: str) -> None:
        """Stop was asked for; the answer ends any moment."""
        row = self._row(node_id)
        if row is not None:
            self._entries[self._index[node_id]] = replace(row, stopping=True)
            self._mark(node_id)

    def finish_node(self, node: Node) -> None:
        """The answer ended: its final text, statistics, reason."""
        row = self._row(node.id)
        if row is None:
            return
        self._dirty.discard(node.id)
        fresh = replace(Row.of(node), expanded=row.expanded)
        piece = self._live.get(node.id)
        grown = node.text.startswith(row.text) and row.streaming
        if isinstance(piece, AnswerRow) and grown:
            self._entries[self._index[node.id]] = fresh
            piece.show_row(fresh)
            self._refresh(changed=node.id)
        else:
            self._replace(node.id, fresh)

    def add_tier_notice(self, node_id: str, switch: TierSwitched, reason: str = "") -> None:
        """The tier changed during this answer (a line behind it) or before its first token (a line above it)."""
        at = self._index.get(node_id)
        row = self._row(node_id)
        if at is None or row is None:
            return
        before = row.streaming and not row.text and not row.reasoning and at > 0
        owner = self._entries[at - 1] if before else row
        owner_id = owner.key if isinstance(owner, Row) else owner.node_id
        key = f"{owner_id}/tier/{len(self._entries)}/{switch.turn_id}"
        notice = Notice(key, owner_id, switch, reason)
        place = at if before else at + 1
        self._entries.insert(place, notice)
        self._heights.insert(place, estimated_height(notice, self._column()))
        self._reindex()
        self._refresh()

    def clear(self) -> None:
        """Show the empty state."""
        self.set_path(())

    def node_ids(self) -> list[str]:
        """The messages shown, root first."""
        return [entry.key for entry in self._entries if isinstance(entry, Row)]

    # Where it is looked at

    def scroll_to_node(self, node_id: str) -> None:
        """Bring a message to the top of the visible part and give it the focus. Unknown ids are ignored."""
        at = self._index.get(node_id)
        if at is None:
            return
        self._keep, self._anchor = _Keep.TOP, (at, -12)
        self._refresh()
        piece = self._live.get(node_id)
        if piece is not None:
            piece.setFocus(Qt.FocusReason.OtherFocusReason)

    def scroll_to_end(self) -> None:
        """Show the end and follow it."""
        self._keep = _Keep.END
        self._refresh()

    @property
    def following(self) -> bool:
        """Whether the view stays at the end while an answer grows."""
        return self._keep is _Keep.END

    @property
    def live_rows(self) -> int:
        """How many rows exist as widgets."""
        return len(self._live)

    # Look and language

    def set_theme(self, theme: Theme) -> None:
        """Draw everything in another theme."""
        self._set_look(theme)
        self._apply_theme()
        self._rebuild()

    def retranslate(self) -> None:
        """Say everything in the current language."""
        self.setAccessibleName(tr("Conversation"))
        self._rebuild()

    # Events of Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._measure_all()
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_jump"):
            self._set_look(self._tools.look.theme)
            self._rebuild()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        if event.key() == Qt.Key.Key_Home:
            bar.setValue(bar.minimum())
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        else:
            super().keyPressEvent(event)

    def _scrolled(self, value: int) -> None:
        if self._placing:
            return
        at_end = value >= self.verticalScrollBar().maximum() - FOLLOW_PX
        self._keep = _Keep.END if at_end else _Keep.TOP
        self._remember_top(value)
        self._refresh()

    # Rows and their widgets

    def _row(self, node_id: str) -> Row | None:
        at = self._index.get(node_id)
        entry = self._entries[at] if at is not None else None
        return entry if isinstance(entry, Row) else None

    def _column(self) -> int:
        return max(160, min(COLUMN_PX, self.viewport().width() - 2 * SIDE_PX))

    def _set_entries(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)
        self._reindex()
        for key in [key for key in self._live if key not in self._index]:
            self._drop(key)
        self._measure_all()
        self._refresh()

    def _append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._index[entry.key] = len(self._entries) - 1
        self._heights.append(estimated_height(entry, self._column()))

    def _truncate(self, length: int) -> None:
        for entry in self._entries[length:]:
            self._drop(entry.key)
            del self._index[entry.key]
        del self._entries[length:]
        self._heights.truncate(length)

    def _replace(self, key: str, entry: Entry) -> None:
        self._entries[self._index[key]] = entry
        self._drop(key)
        self._refresh()

    def _reindex(self) -> None:
        self._index = {entry.key: place for place, entry in enumerate(self._entries)}

    def _measure_all(self) -> None:
        width = self._column()
        self._heights.reset([estimated_height(entry, width) for entry in self._entries])
        for key, piece in self._live.items():
            self._heights.set(self._index[key], piece.arrange(width + GUTTER_PX))

    def _rebuild(self) -> None:
        for key in list(self._live):
            self._drop(key)
        if self._greeting is not None:
            self._greeting.deleteLater()
            self._greeting = None
        self._measure_all()
        self._refresh()

    def _drop(self, key: str) -> None:
        piece = self._live.pop(key, None)
        if piece is not None:
            piece.hide()
            piece.deleteLater()

    def _make(self, index: int) -> None:
        entry = self._entries[index]
        piece: Piece
        if isinstance(entry, Notice):
            piece = NoticeRow(self._tools, entry, self._canvas)
        elif entry.is_user:
            piece = PromptRow(self._tools, entry, self._intents, self._canvas)
        else:
            piece = AnswerRow(self._tools, entry, self._intents, self._canvas)
        piece.reshaped.connect(lambda key=entry.key: self._refresh(changed=key))
        self._live[entry.key] = piece
        self._heights.set(index, piece.arrange(self._column() + GUTTER_PX))

    # Keeping the place

    def _remember_top(self, value: int) -> None:
        index = self._heights.at(value - TOP_PX)
        if index >= 0:
            self._anchor = (index, value - TOP_PX - self._heights.top(index))

    def _wanted_value(self) -> int:
        end = max(0, TOP_PX + self._heights.total + BOTTOM_PX - self.viewport().height())
        if self._keep is _Keep.END or not self._entries:
            return end
        index, offset = self._anchor
        index = min(index, len(self._entries) - 1)
        return max(0, min(end, TOP_PX + self._heights.top(index) + offset))

    def _refresh(self, changed: str | None = None) -> None:
        """Measure what changed, make what is visible, put everything in its place."""
        if changed is not None and changed in self._live:
            height = self._live[changed].arrange(self._column() + GUTTER_PX)
            self._heights.set(self._index[changed], height)
        value = self._make_visible()
        if len(self._live) > MAX_LIVE:
            self._prune(value)
        self._place(value)
        self._show_greeting()
        self._ahead_timer.start(0)

    def _make_visible(self) -> int:
        """Make the rows that are seen; each height that turns out different may bring others into view."""
        while True:
            value = self._wanted_value()
            first, last = self._seen(value, 0)
            missing = [at for at in range(first, last + 1) if self._entries[at].key not in self._live]
            if not missing:
                return value
            self._make(missing[-1] if self._keep is _Keep.END else missing[0])

    def _seen(self, value: int, margin: int) -> tuple[int, int]:
        """First and last row within `margin` pixels of the visible part; an empty range when there are none."""
        if not self._entries:
            return 0, -1
        top = value - TOP_PX - margin
        return self._heights.at(top), self._heights.at(top + self.viewport().height() + 2 * margin)

    def _place(self, value: int) -> None:
        self._placing = True
        width = self._column()
        left = (self.viewport().width() - width) // 2
        height = max(self.viewport().height(), TOP_PX + self._heights.total + BOTTOM_PX)
        self._canvas.resize(self.viewport().width(), height)
        for key, piece in self._live.items():
            index = self._index[key]
            top = TOP_PX + self._heights.top(index)
            piece.setGeometry(left - GUTTER_PX, top, width + GUTTER_PX, self._heights[index])
            if piece.isHidden():
                piece.show()
        self.verticalScrollBar().setValue(value)
        self._placing = False
        away = self.verticalScrollBar().maximum() - self.verticalScrollBar().value() > 160
        self._jump.place(self.viewport().geometry(), shown=away and bool(self._entries))

    def _build_ahead(self) -> None:
        """When idle: make rows just outside the visible part, one at a time, and drop those far away."""
        value = self.verticalScrollBar().value()
        page = self.viewport().height()
        first, last = self._seen(value, page)
        missing = [at for at in range(first, last + 1) if self._entries[at].key not in self._live]
        if missing:
            if self._keep is _Keep.TOP:
                self._remember_top(value)
            middle = self._heights.at(value - TOP_PX + page // 2)
            self._make(min(missing, key=lambda at: abs(at - middle)))
            self._refresh()
            return
        self._prune(value)
        self._order_focus()

    def _prune(self, value: int) -> None:
        first, last = self._seen(value, 2 * self.viewport().height())
        for key in list(self._live):
            if not first <= self._index[key] <= last and not self._needed(key):
                self._drop(key)

    def _needed(self, key: str) -> bool:
        entry, piece = self._entries[self._index[key]], self._live[key]
        focus = QApplication.focusWidget()
        held = focus is not None and (piece is focus or piece.isAncestorOf(focus))
        return held or (isinstance(entry, Row) and (entry.streaming or entry.draft is not None))

    def _order_focus(self) -> None:
        """Tab goes through the rows from top to bottom, whatever the order they were made in."""
        last: QWidget = self
        for key in sorted(self._live, key=self._index.__getitem__):
            for widget in self._live[key].focusables():
                QWidget.setTabOrder(last, widget)
                last = widget

    # Growing answers

    def _mark(self, node_id: str) -> None:
        self._dirty.add(node_id)
        if not self._flush_timer.isActive():
            self._flush_timer.start(FLUSH_MS)

    def _flush(self) -> None:
        began = time.monotonic()
        for key in list(self._dirty):
            row, piece = self._row(key), self._live.get(key)
            if row is not None and isinstance(piece, AnswerRow):
                self._flush_row(row, piece)
        self._dirty.clear()
        took_ms = (time.monotonic() - began) * 1000
        if took_ms > FLUSH_MS / BUSY_SHARE:  # rest before the next one
            self._flush_timer.start(int(took_ms * BUSY_SHARE))

    def _flush_row(self, row: Row, piece: AnswerRow) -> None:
        if row.text == piece.row.text and row.reasoning == piece.row.reasoning:
            piece.show_phase(row)
        else:
            piece.show_row(row)
        self._refresh(changed=row.key)

    def _formulas_arrived(self) -> None:
        if not self._settle_timer.isActive():
            self._settle_timer.start(FLUSH_MS)

    def _formulas_settled(self) -> None:
        for key, piece in list(self._live.items()):
            if isinstance(piece, MessageRow) and piece.refresh_formulas():
                self._refresh(changed=key)

    # Small things

    def _connected_intents(self) -> Intents:
        intents = Intents(self)
        for name in ("edit_submitted", "regenerate_requested", "branch_selected", "retry_requested", "copied"):
            getattr(intents, name).connect(getattr(self, name))
        intents.continue_requested.connect(self.continue_requested)
        intents.context_choice.connect(self.context_choice)
        intents.tier_suggested.connect(self.tier_suggested)
        intents.expanded.connect(self._expanded)
        intents.draft_changed.connect(self._draft_changed)
        return intents

    def _expanded(self, node_id: str, shown: bool) -> None:
        row = self._row(node_id)
        if row is not None:
            self._entries[self._index[node_id]] = replace(row, expanded=shown)

    def _draft_changed(self, node_id: str, text: str | None) -> None:
        row = self._row(node_id)
        if row is None:
            return
        fresh = replace(row, draft=text)
        if (row.draft is None) == (text is None):
            self._entries[self._index[node_id]] = fresh
            return
        self._replace(node_id, fresh)
        piece = self._live.get(node_id)
        if isinstance(piece, PromptRow):
            (piece.editor.edit if piece.editor else piece).setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_greeting(self) -> None:
        if self._entries:
            if self._greeting is not None:
                self._greeting.hide()
            return
        if self._greeting is None:
            self._greeting = Greeting(self._tools.look, self._canvas)
            self._greeting.chosen.connect(self.suggestion_chosen)
        width = self._column()
        height = self._greeting.arrange(width)
        area = self.viewport().rect()
        self._greeting.setGeometry(
            (area.width() - width) // 2, max(TOP_PX, (area.height() - height) * 2 // 5), width, height
        )
        self._greeting.show()

    def _set_look(self, theme: Theme) -> None:
        self._tools = replace(self._tools, look=Look(theme, self._formulas, QApplication.font()))

    def _apply_theme(self) -> None:
        palette = QPalette(self.viewport().palette())
        palette.setColor(QPalette.ColorRole.Window, QColor(self._tools.look.theme.surface))
        self.viewport().setPalette(palette)
        self.viewport().setAutoFillBackground(True)
        self._jump.set_look(self._tools.look)

    def _timer(self, slot: object) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer

    def row_widget(self, node_id: str) -> Piece | None:
        """The widget of a message, when it exists (it is near the visible part)."""
        return self._live.get(node_id)

    def row_top(self, node_id: str) -> int:
        """Where a message begins in the visible part, in pixels from its top; KeyError for an unknown one."""
        place = QPoint(0, TOP_PX + self._heights.top(self._index[node_id]))
        return self._canvas.mapTo(self.viewport(), place).y()


def _updated(known: Row, node: Node) -> Row:
    if known.node == node:
        return known
    fresh = Row.of(node)
    if known.streaming and fresh.streaming and len(known.text) > len(fresh.text):
        return replace(known, node=node)
    return replace(fresh, expanded=known.expanded, draft=known.draft)


def _fresh(text: str, start: int | None, shown: int) -> str:
    return text if start is None else text[max(0, shown - start) :]
