"""What the cards have in common."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Panel, card


class Card(Panel):
    """A raised surface that shows some of a view. Subclasses build, call `settle`, and fill in `refresh`.

    `refresh` is called for each view: what it sets must compare before it draws.
    """

    def __init__(self, look: Appearance, *, spacing: int = 6) -> None:
        super().__init__(look)
        self.view: EnergyView | None = None
        frame, self.column = card(spacing)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(frame)

    def show_view(self, view: EnergyView) -> None:
        """Show what changed."""
        self.view = view
        self.refresh(view)

    def retranslate(self) -> None:
        if self.view is not None:
            self.refresh(self.view)

    def refresh(self, view: EnergyView) -> None:
        """Draw `view` in the current language."""


def said(text: Text | None) -> str:
    """A text that may be missing."""
    return str(text) if text is not None else ""
