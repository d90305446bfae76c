"""What an empty conversation shows: one question and a few ways to begin."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.brand import brand_pixmap
from autoglm_desktop.ui.style import COLUMN_PX, Theme

from .parts import Panel, describe, label


class Welcome(Panel):
    """`suggested` carries a prompt that a person picked; it is sent as if typed."""

    suggested = Signal(str)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._mark, self._title, self._note = QLabel(), label("title"), label("muted", wrap=True)
        self.chips = tuple(QPushButton() for _ in range(4))
        self._temporary = False
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addStretch(2)
        for part in (self._mark, self._title, self._note):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(part)
        column.addSpacing(12)
        column.addLayout(self._grid())
        column.addStretch(3)
        self.settle()

    def show_kind(self, *, temporary: bool) -> None:
        """Say what a temporary conversation is, when it is one."""
        self._temporary = temporary
        self.retranslate()

    def retranslate(self) -> None:
        self._title.setText(tr("Temporary chat") if self._temporary else tr("What can I do for you?"))
        self._note.setText(
            tr("Nothing of this conversation is written to disk; it is gone when the window closes.")
            if self._temporary
            else tr("The model runs on this machine. What you write stays here.")
        )
        prompts = (
            tr("Who are you?"),
            tr("Why is INT4 faster than FP16?"),
            tr("Plan a two-day trip to Beihai"),
            tr("Write a Python function that reads a CSV file"),
        )
        for chip, prompt in zip(self.chips, prompts, strict=True):
            chip.setText(prompt)
            describe(chip, prompt, tr("Send “{prompt}”", prompt=prompt))

    def set_theme(self, theme: Theme) -> None:
        self._mark.setPixmap(brand_pixmap(theme, 44, self.devicePixelRatioF()))

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(8)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(3, 1)
        for number, chip in enumerate(self.chips):
            chip.setProperty("role", "chip")
            chip.setMaximumWidth(COLUMN_PX // 2)
            chip.clicked.connect(lambda _=False, chip=chip: self.suggested.emit(chip.text()))
            grid.addWidget(chip, number // 2, 1 + number % 2)
        return grid
