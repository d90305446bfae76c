"""Layout by hand: everything in the column says how tall it is for a width, at once and exactly.

Qt's layouts settle over several passes of the event loop; a list that keeps the scroll position while messages above
are built needs heights that are right the first time.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget


class Piece(QWidget):
    """A widget with a height for each width."""

    reshaped = Signal()
    """The height may have changed by itself (an expander, a formula that arrived)."""

    def arrange(self, width: int) -> int:
        """Lay out for `width` logical pixels and return the height; the caller sets the geometry."""
        raise NotImplementedError

    def focusables(self) -> list[QWidget]:
        """What Tab visits inside, in order."""
        return []

    def take_focus(self) -> None:
        """Get the focus, where a person goes on."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)


@dataclass(slots=True)
class _Item:
    piece: Piece
    gap: int
    indent: int


class Stack(Piece):
    """Pieces below each other, each with the gap above it and its indent from the left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: list[_Item] = []

    @property
    def pieces(self) -> list[Piece]:
        return [item.piece for item in self._items]

    def put(self, piece: Piece, *, gap: int = 0, indent: int = 0, index: int | None = None) -> None:
        """Add a piece, at the end unless `index` says where."""
        piece.setParent(self)
        piece.reshaped.connect(self.reshaped)
        self._items.insert(len(self._items) if index is None else index, _Item(piece, gap, indent))
        piece.show()

    def set_place(self, index: int, *, gap: int, indent: int) -> None:
        self._items[index].gap, self._items[index].indent = gap, indent

    def take(self, piece: Piece) -> None:
        """Remove a piece and delete it."""
        self._items = [item for item in self._items if item.piece is not piece]
        piece.reshaped.disconnect(self.reshaped)
        piece.hide()
        piece.deleteLater()

    def arrange(self, width: int) -> int:
        y = 0
        for number, item in enumerate(item for item in self._items if not item.piece.isHidden()):
            y += item.gap if number else 0
            inner = max(40, width - item.indent)
            height = item.piece.arrange(inner)
            item.piece.setGeometry(item.indent, y, inner, height)
            y += height
        return y

    def focusables(self) -> list[QWidget]:
        return [widget for item in self._items if not item.piece.isHidden() for widget in item.piece.focusables()]
