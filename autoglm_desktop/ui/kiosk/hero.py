"""What a passer-by reads: the question of the stand, a line below it, chips to touch."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.kiosk import KioskConfig, Suggestion
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Panel, describe, label

from .flow import FlowLayout


class Hero(Panel):
    """`asked` with the text of a chip, `touched` with what a chip does to the phone."""

    asked = Signal(str)
    touched = Signal(str, str)
    """What it does, and what the chip says."""

    def __init__(self, look: Appearance, config: KioskConfig) -> None:
        super().__init__(look)
        self.setObjectName("kioskHero")
        self._config = config
        self.language: str = config.language
        self.headline, self.line = label("kioskHeadline", wrap=True), label("kioskLine", wrap=True)
        self.chips: list[QPushButton] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(24)
        column.addStretch(1)
        column.addWidget(self.headline)
        column.addWidget(self.line)
        holder = QWidget()
        flow = FlowLayout(holder, spacing=14)
        for suggestion in config.suggestions:
            flow.addWidget(self._chip(suggestion))
        column.addWidget(holder)
        column.addStretch(2)
        self.settle()

    def retranslate(self) -> None:
        self.headline.setText(tr("At 20 % battery, how long can a large model still chat?"))
        self.line.setText(
            tr("Drag the phone's battery and watch it switch precision, cool down, save. All of it runs right here.")
        )
        for chip, suggestion in zip(self.chips, self._config.suggestions, strict=False):
            chip.setText(suggestion.text(self.language))
            describe(chip, chip.text())

    def _chip(self, suggestion: Suggestion) -> QPushButton:
        chip = QPushButton()
        chip.setProperty("role", "kioskChip")
        chip.setCursor(Qt.CursorShape.PointingHandCursor)
        chip.clicked.connect(lambda: self._chosen(chip, suggestion))
        self.chips.append(chip)
        return chip

    def _chosen(self, chip: QPushButton, suggestion: Suggestion) -> None:
        if suggestion.touch is None:
            self.asked.emit(chip.text())
        else:
            self.touched.emit(suggestion.touch, chip.text())
