"""A scrolling column of rows, most of which are only an estimated height.

Only rows near the visible part exist as widgets. Whatever is measured, made or thrown away, the row at the top of the
visible part stays where it is; or the end does, while the view follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from autoglm_desktop.ui.style import COLUMN_PX

from .heights import Heights
from .jump import JumpButton
from .look import Look
from .message import GUTTER_PX
from .row import Entry, estimated_height
from .stack import Piece

GAP_PX, TOP_PX, BOTTOM_PX, SIDE_PX = 12, 24, 28, 24
MAX_LIVE = 40
"""More rows than that are thrown away at once where they are not seen, fewer when there is time."""
FOLLOW_PX = 24
"""So close to the end, the view follows it."""
_JUMP_PX = 160


class _Keep(Enum):
    """What stays in place when heights change."""

    END = "end"
    TOP = "top"


class Column(QScrollArea):
    """Keeps entries, their heights, and the widgets of those near the visible part. GUI thread only."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._entries: list[Entry] = []
        self._index: dict[str, int] = {}
        self._heights = Heights(GAP_PX)
        self._live: dict[str, Piece] = {}
        self._keep, self._anchor = _Keep.END, (0, 0)
        self._placing = False
        self._refocus: int | None = None
        """Where the focus was in a row that is gone."""
        self._canvas = QWidget()
        self._canvas.setAutoFillBackground(False)
        self.setWidget(self._canvas)
        self._jump = JumpButton(look, self)
        self._jump.clicked.connect(self.scroll_to_end)
        self._ahead_timer = self._timer(self._build_ahead)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # For subclasses

    def make_piece(self, entry: Entry) -> Piece:
        """The widget of an entry, with the canvas as its parent."""
        raise NotImplementedError

    def is_held(self, entry: Entry) -> bool:
        """Whether the widget of an entry must stay, wherever it is."""
        raise NotImplementedError

    def show_empty(self, empty: bool) -> None:
        """There are no entries, or there are some."""

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

    def follow(self) -> None:
        """Stay at the end from the next change on."""
        self._keep = _Keep.END

    def scroll_to_end(self) -> None:
        """Show the end and follow it."""
        self.follow()
        self._refresh()

    @property
    def following(self) -> bool:
        """Whether the view stays at the end while an answer grows."""
        return self._keep is _Keep.END

    @property
    def live_rows(self) -> int:
        """How many rows exist as widgets."""
        return len(self._live)

    # Events of Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._measure_all()
        self._refresh()

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

    # Entries and their widgets

    def _column(self) -> int:
        return max(160, min(COLUMN_PX, self.viewport().width() - 2 * SIDE_PX))

    def _set_entries(self, entries: Sequence[Entry]) -> None:
        kept = {entry.key for entry in entries}
        for key in [key for key in self._live if key not in kept]:
            self._drop(key)
        self._entries = list(entries)
        self._reindex()
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

    def _drop(self, key: str) -> None:
        piece = self._live.pop(key, None)
        if piece is None:
            return
        if self._has_focus(piece):  # Qt would hand it to the next control of the window, whatever that is
            self._refocus = self._index[key]
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        piece.hide()
        piece.deleteLater()

    def _make(self, index: int) -> None:
        entry = self._entries[index]
        piece = self.make_piece(entry)
        piece.reshaped.connect(lambda key=entry.key: self._refresh(changed=key))
        self._live[entry.key] = piece
        self._heights.set(index, piece.arrange(self._column() + GUTTER_PX))

    # Keeping the place

    def _remember_top(self, value: int) -> None:
        """Hold on to the first row that is seen and measured, else to the first that is seen."""
        first, last = self._seen(value, 0)
        seen = range(first, last + 1)
        index = next((at for at in seen if self._entries[at].key in self._live), first)
        self._anchor = (index, value - TOP_PX - self._heights.top(index)) if seen else (0, 0)

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
        self._give_focus_back()
        self.show_empty(not self._entries)
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
        away = self.verticalScrollBar().maximum() - self.verticalScrollBar().value() > _JUMP_PX
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

    def _order_focus(self) -> None:
        """Tab goes through the rows from top to bottom, whatever the order they were made in."""
        last: QWidget = self
        for key in sorted(self._live, key=self._index.__getitem__):
            for widget in self._live[key].focusables():
                QWidget.setTabOrder(last, widget)
                last = widget

    def _needed(self, key: str) -> bool:
        return self._has_focus(self._live[key]) or self.is_held(self._entries[self._index[key]])

    def _has_focus(self, piece: Piece) -> bool:
        focus: QWidget | None = self.window().focusWidget()  # also while another window is the active one
        return focus is not None and (piece is focus or piece.isAncestorOf(focus))

    def _give_focus_back(self) -> None:
        """To the row that stands where the one with the focus was."""
        at, self._refocus = self._refocus, None
        if at is None or not self._entries or self.window().focusWidget() is not self:
            return
        piece = self._live.get(self._entries[min(at, len(self._entries) - 1)].key)
        if piece is not None and piece.focusables():
            piece.take_focus()

    def row_widget(self, node_id: str) -> Piece | None:
        """The widget of a message, when it exists (it is near the visible part)."""
        return self._live.get(node_id)

    def row_top(self, node_id: str) -> int:
        """Where a message begins in the visible part, in pixels from its top; KeyError for an unknown one."""
        place = QPoint(0, TOP_PX + self._heights.top(self._index[node_id]))
        return self._canvas.mapTo(self.viewport(), place).y()

    def _timer(self, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(slot)
        return timer
