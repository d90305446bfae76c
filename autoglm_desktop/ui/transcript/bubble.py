"""The user's own words: as typed, in a tinted bubble as wide as they need; and the place to edit them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.widgets.enter_field import EnterField

from .blocks import Para, Span
from .buttons import WordButton
from .flow import FlowRow
from .look import Look
from .prose import Prose
from .stack import Piece

_PAD_X, _PAD_Y, _RADIUS, _SHARE = 14, 9, 14, 0.84
_RISE_PX = 2
"""Lines have their spare height above the letters."""
_FOLDED_LINES, _FOLDED_CHARACTERS = 16, 1200


class Bubble(Piece):
    """Text at the right of the column; long ones are folded until asked for."""

    expanded = Signal(bool)

    def __init__(self, look: Look, text: str, *, expanded: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._text = look, text
        self._prose = Prose(look, self)
        self._more = WordButton(look, "", self, color=look.theme.accent)
        self._more.setCheckable(True)
        self._more.setChecked(expanded)
        self._more.toggled.connect(self._toggled)
        self._folds = folded(text) != text
        self._left = 0
        self._more.setVisible(self._folds)
        self._fill()

    def arrange(self, width: int) -> int:
        room = int(width * _SHARE) - 2 * _PAD_X
        self._prose.arrange(room)
        hint = self._more.sizeHint()
        least = hint.width() if self._folds else 0
        wide = max(least, min(room, self._prose.natural_width()))
        height = self._prose.arrange(wide)
        self._left = width - wide - 2 * _PAD_X
        self._prose.setGeometry(self._left + _PAD_X, _PAD_Y - _RISE_PX, wide, height)
        if self._folds:
            self._more.setGeometry(self._left + _PAD_X - 6, _PAD_Y + height + 2, hint.width(), hint.height())
            height += hint.height() + 2
        return height + 2 * _PAD_Y

    def focusables(self) -> list[QWidget]:
        return [self._more] if self._folds else []

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().toRectF()
        box.setLeft(self._left)
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.WindingFill)
        path.addRoundedRect(box, _RADIUS, _RADIUS)
        path.addRoundedRect(box.adjusted(box.width() - _RADIUS, box.height() - _RADIUS, 0, 0), 4, 4)
        painter.fillPath(path.simplified(), QColor(self._look.theme.bubble))
        painter.end()

    def _toggled(self, shown: bool) -> None:
        self._fill()
        self.expanded.emit(shown)
        self.reshaped.emit()

    def _fill(self) -> None:
        shown = self._text if self._more.isChecked() else folded(self._text)
        self._prose.set_blocks((Para((Span(as_typed(shown)),)),))
        self._more.set_word(tr("Show less") if self._more.isChecked() else tr("Show all"))
        self._more.setAccessibleName(self._more.text())


class PromptEditor(Piece):
    """A prompt being edited, sent as in the composer; Esc gives up.

    After `submitted` it stays, for the new text may be refused; who takes the text ends it.
    """

    submitted = Signal(str)
    changed = Signal(str)
    ended = Signal()

    def __init__(self, look: Look, text: str, parent: QWidget | None = None, *, may_be_empty: bool = False) -> None:
        super().__init__(parent)
        self._look, self._may_be_empty = look, may_be_empty
        self.edit = _Edit(self)
        self.edit.setAcceptDrops(False)  # what is dropped goes to the window
        self.edit.setFont(look.font(14))
        self.edit.setPlainText(text)
        self.edit.setAccessibleName(tr("Edit this prompt"))
        self.edit.moveCursor(self.edit.textCursor().MoveOperation.End)
        self.edit.send_pressed.connect(self._submit)
        self.edit.escaped.connect(self.ended)
        self.edit.textChanged.connect(self._grew)
        send = WordButton(look, tr("Send"), outlined=True, color=look.theme.accent, px=13)
        send.clicked.connect(self._submit)
        cancel = WordButton(look, tr("Cancel"), outlined=True, px=13)
        cancel.clicked.connect(self.ended)
        self._row = FlowRow(self)
        self._row.set_items([], [cancel, send])

    def arrange(self, width: int) -> int:
        metrics = QFontMetrics(self.edit.font())
        inner = max(80, width - 30)
        text = self.edit.toPlainText()
        lines = sum(1 + metrics.horizontalAdvance(line) // inner for line in text[:20_000].split("\n"))
        height = min(14, max(2, lines)) * metrics.lineSpacing() + 28
        self.edit.setGeometry(0, 0, width, height)
        below = self._row.arrange(width)
        self._row.setGeometry(0, height + 6, width, below)
        return height + 6 + below

    def focusables(self) -> list[QWidget]:
        return [self.edit, *self._row.focusables()]

    def _grew(self) -> None:
        self.changed.emit(self.edit.toPlainText())
        self.reshaped.emit()

    def _submit(self) -> None:
        text = self.edit.toPlainText().strip()
        if text or self._may_be_empty:
            self.submitted.emit(text)


class _Edit(EnterField):
    escaped = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and not self.composing:
            self.escaped.emit()
        else:
            super().keyPressEvent(event)


def folded(text: str) -> str:
    """The beginning of a long prompt, or all of a short one."""
    lines = text.split("\n")
    if len(lines) <= _FOLDED_LINES + 4 and len(text) <= _FOLDED_CHARACTERS * 3 // 2:
        return text
    return "\n".join(lines[:_FOLDED_LINES])[:_FOLDED_CHARACTERS].rstrip() + "…"


def as_typed(text: str) -> str:
    """Line breaks inside one paragraph, and no characters with a meaning to the document."""
    return text.translate({0x0A: "\u2028", 0x0D: None, 0x2029: "\u2028", 0: "\ufffd", 0xFFFC: "\ufffd"})
