"""What the governor decided and what happened, newest first, with the time of day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy

from autoglm_desktop.assistant.energy_view import EnergyView, LogLine
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance, figures_font
from autoglm_desktop.ui.state import LogLine as ShellLine
from autoglm_desktop.ui.style import SECONDARY_PX, Theme, readable
from autoglm_desktop.ui.widgets.parts import describe, label

from .card import Card

_SHOWN_LINES, _LEAST_PX = 100, 132


class LogCard(Card):
    """Decisions of the energy service and events of the window in one list. Text can be selected and copied."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._decisions: tuple[LogLine, ...] = ()
        self._events: tuple[ShellLine, ...] = ()
        self._title, self.text = label("secondary"), QPlainTextEdit()
        self.text.setObjectName("energyLog")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setUndoRedoEnabled(False)
        self.text.document().setDocumentMargin(0)
        self.text.setMinimumHeight(_LEAST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.column.addWidget(self._title)
        self.column.addWidget(self.text, 1)
        self.settle()

    def refresh(self, view: EnergyView) -> None:
        if view.log is not self._decisions and view.log != self._decisions:
            self._decisions = view.log
            self._write()

    def show_events(self, lines: Sequence[ShellLine]) -> None:
        """Events of the window, newest first."""
        self._events = tuple(lines)
        self._write()

    def retranslate(self) -> None:
        self._title.setText(tr("Decisions"))
        self.text.setPlaceholderText(tr("Loading, tier switches and answers are listed here."))
        describe(self.text, tr("Log of decisions"))
        self._write()

    def set_theme(self, theme: Theme) -> None:
        self._write()

    def _write(self) -> None:
        """All lines anew: they are few, and they change seldom."""
        lines = [(line.time_s, str(line.text)) for line in reversed(self._decisions)]
        lines += [(line.at_s, str(line.text)) for line in self._events]
        lines.sort(key=lambda line: -line[0])  # of one moment, the later one stays first
        theme = self.look.theme
        font = figures_font(self.look.font)
        font.setPixelSize(theme.px(SECONDARY_PX))
        time_format, text_format = QTextCharFormat(), QTextCharFormat()
        for made, color in ((time_format, theme.text), (text_format, readable(theme.muted, theme.raised))):
            made.setFont(font)
            made.setForeground(QColor(color))
        time_format.setFontWeight(QFont.Weight.Medium)
        self.text.clear()
        cursor = QTextCursor(self.text.document())
        for number, (at_s, text) in enumerate(islice(lines, _SHOWN_LINES)):
            if number:
                cursor.insertBlock()
            cursor.insertText(f"{datetime.fromtimestamp(at_s):%H:%M:%S}", time_format)
            cursor.insertText(f"  {text}", text_format)
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
