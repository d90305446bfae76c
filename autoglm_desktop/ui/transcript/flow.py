"""A row that wraps: small things from the left, buttons at the right end."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QWidget

from .buttons import Words
from .stack import Piece

_GAP_PX, _ROW_PX, _LINE_GAP_PX = 14, 24, 2
_BUTTON_GAP_PX = 2

_Placed = tuple[QWidget, QSize, int]


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
        y = 0
        for line in self._lines(width):
            tall = max(_ROW_PX, *(size.height() for _, size, _ in line))
            for widget, size, x in line:
                widget.setGeometry(x, y + (tall - size.height()) // 2, size.width(), size.height())
            y += tall + _LINE_GAP_PX
        return max(0, y - _LINE_GAP_PX)

    def _lines(self, width: int) -> list[list[_Placed]]:
        """Each line's widgets with their sizes and left edges."""
        lines: list[list[_Placed]] = []
        x = 0
        for widget in self._left:
            size = _size(widget, width)
            if not lines or x + size.width() > width:
                lines.append([])
                x = 0
            lines[-1].append((widget, size, x))
            x += size.width() + self._gap
        if self._right:
            left = width - sum(widget.sizeHint().width() + _BUTTON_GAP_PX for widget in self._right) + _BUTTON_GAP_PX
            if not lines or x > left:
                lines.append([])
            for widget in self._right:
                lines[-1].append((widget, widget.sizeHint(), left))
                left += widget.sizeHint().width() + _BUTTON_GAP_PX
        return lines

    def focusables(self) -> list[QWidget]:
        return [widget for widget in (*self._left, *self._right) if widget.focusPolicy() & Qt.FocusPolicy.TabFocus]


def _size(widget: QWidget, width: int) -> QSize:
    size = widget.sizeHint()
    if size.width() > width and isinstance(widget, Words):
        return QSize(width, widget.height_for(width))
    return size
