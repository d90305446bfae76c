"""The conversation as it is seen and as it grows: what the window talks to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import Phase, TierSwitched
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.ui.style import LIGHT, Theme

from .background import Background
from .body import Tools
from .column import TOP_PX, Column
from .empty import Greeting
from .formulas import Formulas
from .highlight import Lexers
from .intents import Intents
from .look import Look
from .message import AnswerRow, MessageRow, NoticeRow, PromptRow
from .row import Entry, Notice, Row, estimated_height, in_phase, with_reading
from .stack import Piece

if TYPE_CHECKING:
    from autoglm_desktop.ui.images.pictures import Pictures

FLUSH_MS = 30
BUSY_SHARE = 3
"""After a flush that took t, the next one waits at least this many times t: typing and scrolling come first."""


class TranscriptView(Column):
    """Shows the branch of a conversation, root first. All methods run on the GUI thread."""

    edit_submitted = Signal(str, str)
    regenerate_requested = Signal(str)
    branch_selected = Signal(str)
    retry_requested = Signal(str)
    continue_requested = Signal(str)
    context_choice = Signal(str, str)
    tier_suggested = Signal(str, str)
    models_requested = Signal()
    log_requested = Signal()
    suggestion_chosen = Signal(str)
    copied = Signal(str)
    image_opened = Signal(object, int)
    """Images of a message, and the place of the one to see in full."""

    def __init__(self, theme: Theme = LIGHT, parent: QWidget | None = None, *, kiosk: bool = False) -> None:
        background = Background()
        formulas = Formulas(None, background)
        look = Look(theme, formulas, QApplication.font())
        super().__init__(look, parent)
        for helper in (background, formulas):
            helper.setParent(self)
        formulas.arrived.connect(self._formulas_arrived)
        self._background, self._formulas = background, formulas
        self._tools = Tools(look, Lexers(background), kiosk=kiosk)
        self._intents = self._connected_intents()
        self._dirty: set[str] = set()
        self._greeting: Greeting | None = None
        self._flush_timer = self._timer(self._flush)
        self._settle_timer = self._timer(self._formulas_settled)
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
            self.follow()
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
            self.follow()
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
            self._entries[self._index[node_id]] = in_phase(row, phase, fraction)
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

    def show_reading(self, node_id: str, sha256: str, outcome: ImageReading | ErrorReport) -> None:
        """An image of a message was read, or why it could not be."""
        row = self._row(node_id)
        if row is None:
            return
        fresh = with_reading(row, sha256, outcome)
        last = self._entries[-1]
        if isinstance(last, Row) and last.reads_images:
            self._entries[-1] = replace(last, reads_images=False)
        if row.draft is not None:  # what is being typed keeps the focus
            self._entries[self._index[node_id]] = fresh
        else:
            self._replace(node_id, fresh)

    def set_send_on_enter(self, sends: bool) -> None:
        """Whether Enter alone sends an edited prompt; it holds for an open editor, too."""
        self._tools = replace(self._tools, send_on_enter=sends)
        for piece in self._live.values():
            if isinstance(piece, PromptRow) and piece.editor is not None:
                piece.editor.edit.send_on_enter = sends

    def end_edit(self, node_id: str) -> None:
        """The edited text of this prompt was taken: its editor goes."""
        self._draft_changed(node_id, None)

    def set_pictures(self, pictures: Pictures) -> None:
        """Where thumbnails of images come from."""
        self._tools = replace(self._tools, pictures=pictures)
        pictures.arrived.connect(self._picture_arrived)

    def clear(self) -> None:
        """Show the empty state."""
        self.set_path(())

    def forget(self) -> None:
        """Show the empty state, and keep nothing of what was shown."""
        self.clear()
        self._formulas.forget()

    def node_ids(self) -> list[str]:
        """The messages shown, root first."""
        return [entry.key for entry in self._entries if isinstance(entry, Row)]

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

    @property
    def theme(self) -> Theme:
        return self._tools.look.theme

    @property
    def busy(self) -> bool:
        """Whether something that arrived is not shown yet: text, formulas, colours of code."""
        timers = (self._flush_timer, self._settle_timer)
        return bool(self._dirty or self._background.awaited or any(timer.isActive() for timer in timers))

    # Rows and their widgets

    def _row(self, node_id: str) -> Row | None:
        at = self._index.get(node_id)
        entry = self._entries[at] if at is not None else None
        return entry if isinstance(entry, Row) else None

    def make_piece(self, entry: Entry) -> Piece:
        if isinstance(entry, Notice):
            return NoticeRow(self._tools, entry, self._canvas)
        if entry.is_user:
            return PromptRow(self._tools, entry, self._intents, self._canvas)
        prompt = self._row(entry.node.parent_id or "")
        alone = prompt is not None and prompt.node.parent_id is None
        return AnswerRow(self._tools, entry, self._intents, self._canvas, alone=alone)

    def is_held(self, entry: Entry) -> bool:
        return isinstance(entry, Row) and (entry.streaming or entry.draft is not None)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_jump"):
            self._set_look(self._tools.look.theme)
            self._rebuild()

    def _rebuild(self) -> None:
        for key in list(self._live):
            self._drop(key)
        if self._greeting is not None:
            self._greeting.hide()
            self._greeting.deleteLater()
            self._greeting = None
        self._measure_all()
        self._refresh()

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
        intents.models_requested.connect(self.models_requested)
        intents.log_requested.connect(self.log_requested)
        intents.expanded.connect(self._expanded)
        intents.draft_changed.connect(self._draft_changed)
        intents.image_opened.connect(self._open_image)
        intents.reading_expanded.connect(self._reading_expanded)
        return intents

    def _expanded(self, node_id: str, shown: bool) -> None:
        row = self._row(node_id)
        if row is not None:
            self._entries[self._index[node_id]] = replace(row, expanded=shown)

    def _reading_expanded(self, node_id: str, shown: bool) -> None:
        row = self._row(node_id)
        if row is not None:
            self._entries[self._index[node_id]] = replace(row, reading_open=shown)

    def _open_image(self, node_id: str, place: int) -> None:
        row = self._row(node_id)
        if row is not None:
            self.image_opened.emit(row.images, place)

    def _picture_arrived(self, sha256: str) -> None:
        for piece in self._live.values():
            if isinstance(piece, PromptRow) and piece.images is not None:
                piece.images.refresh(sha256)

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
            piece.take_focus()

    def show_empty(self, empty: bool) -> None:
        if not empty:
            if self._greeting is not None:
                self._greeting.hide()
            return
        if self._greeting is None:
            self._greeting = Greeting(self._tools.look, self._canvas)
            self._greeting.chosen.connect(self.suggestion_chosen)
        width = self._column()
        height = self._greeting.arrange(width)
        area = self.viewport().rect()
        top = max(TOP_PX, (area.height() - height) * 2 // 5)
        self._greeting.setGeometry((area.width() - width) // 2, top, width, height)
        self._greeting.fit(area.height() - top)
        self._greeting.show()

    def _set_look(self, theme: Theme) -> None:
        self._tools = replace(self._tools, look=Look(theme, self._formulas, QApplication.font()))

    def _apply_theme(self) -> None:
        palette = QPalette(self.viewport().palette())
        palette.setColor(QPalette.ColorRole.Window, QColor(self._tools.look.theme.surface))
        self.viewport().setPalette(palette)
        self.viewport().setAutoFillBackground(True)
        self._jump.set_look(self._tools.look)


def _updated(known: Row, node: Node) -> Row:
    if known.node == node:
        return known
    fresh = Row.of(node)
    if known.streaming and fresh.streaming:
        newer = fresh if len(fresh.text) > len(known.text) else known
        thoughts = max(known.reasoning, fresh.reasoning, key=len)
        return replace(known, node=node, text=newer.text, reasoning=thoughts)
    return replace(
        fresh, expanded=known.expanded, draft=known.draft, reading_open=known.reading_open, unread=known.unread
    )


def _fresh(text: str, start: int | None, shown: int) -> str:
    return text if start is None else text[max(0, shown - start) :]
