"""Reasoning before an answer: one line that opens. What it holds is only laid out when it is open."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr

from .body import Body, Tools
from .buttons import WordButton
from .incremental import MarkdownStream
from .row import Row
from .stack import Piece
from .words import thinking_words

_INDENT_PX = 18


class Thinking(Piece):
    """The expander and, when open, the reasoning in a quieter colour beside a hairline."""

    def __init__(self, tools: Tools, row: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tools, self._row = tools, row
        self._stream = MarkdownStream()
        self._fed = ""
        self.body: Body | None = None
        self.button = WordButton(tools.look, "", self, icon="caret-right", color=tools.look.theme.muted, px=13)
        self.button.setCheckable(True)
        self.button.setChecked(row.expanded)
        self.button.toggled.connect(self._toggled)
        self.show_row(row)

    def show_row(self, row: Row) -> None:
        """Show the reasoning of `row`, which only grows."""
        self._row = row
        self.button.setText(thinking_words(row))
        state = tr("shown") if self.button.isChecked() else tr("hidden")
        self.button.setAccessibleName(f"{thinking_words(row)}, {state}")
        self.button.setToolTip(tr("Hide the thoughts") if self.button.isChecked() else tr("Show the thoughts"))
        self.button.set_icon("caret-down" if self.button.isChecked() else "caret-right")
        if self.button.isChecked():
            self._show_text()

    def refresh_formulas(self) -> bool:
        return self.body is not None and self.body.refresh_formulas()

    def arrange(self, width: int) -> int:
        hint = self.button.sizeHint()
        self.button.setGeometry(-4, 0, min(width, hint.width()), hint.height())
        if self.body is None or self.body.isHidden():
            return hint.height()
        height = self.body.arrange(width - _INDENT_PX)
        self.body.setGeometry(_INDENT_PX, hint.height() + 6, width - _INDENT_PX, height)
        return hint.height() + 6 + height

    def focusables(self) -> list[QWidget]:
        return [self.button]

    def paintEvent(self, _: QPaintEvent) -> None:
        if self.body is not None and not self.body.isHidden():
            painter = QPainter(self)
            painter.fillRect(4, self.body.y(), 2, self.body.height(), QColor(self._tools.look.theme.line))
            painter.end()

    def _toggled(self, _: bool) -> None:
        self.show_row(self._row)
        if self.body is not None:
            self.body.setVisible(self.button.isChecked())
        self.reshaped.emit()

    def _show_text(self) -> None:
        if self.body is None:
            self.body = Body(self._tools, self, color=self._tools.look.theme.muted)
            self.body.reshaped.connect(self.reshaped)
            self.body.show()
        self._stream.append(self._row.reasoning[len(self._fed) :])
        self._fed = self._row.reasoning
        growing = self._row.streaming and not self._row.text
        self.body.show_blocks(self._stream.update() if growing else self._stream.finish(), growing=growing)
