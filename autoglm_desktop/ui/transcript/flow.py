"""A row that wraps: small things from the left, buttons at the right end."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from .buttons import Words
from .stack import Piece

_GAP_PX, _ROW_PX, _LINE_GAP_PX = 14, 26, 2


class FlowRow(Piece):
    """Widgets at their natural size, wrapped into lines; `right` ones end the last line, or a line of their own."""

    def __init__(self, parent: QWidget | None = None, *, gap: int = _GAP_PX) -> None:
        super().__init__(parent)
        self._left: list[QWidget] = []
        self._right: list[QWidget] = []
        self._gap = gap

    def set_items(self, left: Sequence[QWidget], right: Sequence[QWidget] = ()) -> None:
        """Show these; what was shown before and is not among them is deleted."""
        keep = {*map(id, left), *map(id, right)}
        for old in (*self._left, *self._right):
            if id(old) not in keep:
                old.hide()
                old.deleteLater()
        self._left, self._right = list(left), list(right)
        for widget in (*left, *right):
            widget.setParent(self)
            widget.show()

    def arrange(self, width: int) -> int:
        x = y = 0
        tall = _ROW_PX
        for widget in self._left:
            size = widget.sizeHint()
            if x and x + size.width() > width:
                x, y, tall = 0, y + tall + _LINE_GAP_PX, _ROW_PX
            wide, height = min(size.width(), width), size.height()
            if size.width() > width and isinstance(widget, Words):
                height = widget.height_for(width)
            tall = max(tall, height)
            widget.setGeometry(x, y + (tall - height) // 2, wide, height)
            x += wide + self._gap
        return self._arrange_right(width, x, y, tall)

    def _arrange_right(self, width: int, x: int, y: int, tall: int) -> int:
        if not self._right:
            return y + tall if self._left else 0
        wide = sum(widget.sizeHint().width() for widget in self._right) + 2 * (len(self._right) - 1)
        if x and x + wide > width:
            x, y, tall = 0, y + tall + _LINE_GAP_PX, _ROW_PX
        x = width - wide
        for widget in self._right:
            size = widget.sizeHint()
            widget.setGeometry(x, y + (tall - size.height()) // 2, size.width(), size.height())
            x += size.width() + 2
        return y + tall

    def focusables(self) -> list[QWidget]:
        return [widget for widget in (*self._left, *self._right) if widget.focusPolicy() & Qt.FocusPolicy.TabFocus]
