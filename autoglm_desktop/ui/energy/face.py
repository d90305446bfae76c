"""A font with its measures, kept: asking Qt for them anew at every view costs more than painting."""

from __future__ import annotations

from PySide6.QtGui import QFont, QFontMetrics

from autoglm_desktop.ui.appearance import figures_font

_KEPT = 128


class Face:
    """One font; widths of the texts that were measured last are remembered."""

    __slots__ = ("_widths", "ascent", "cap", "font", "height", "metrics")

    def __init__(self, font: QFont) -> None:
        self.font, self.metrics = font, QFontMetrics(font)
        self.height, self.ascent, self.cap = self.metrics.height(), self.metrics.ascent(), self.metrics.capHeight()
        self._widths: dict[str, int] = {}

    @staticmethod
    def of(base: QFont, px: int, *, bold: bool = False) -> Face:
        """The interface font at `px`, with digits of equal width."""
        made = QFont(base)
        made.setPixelSize(px)
        made.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        return Face(figures_font(made))

    def width(self, text: str) -> int:
        """Pixels that `text` takes."""
        found = self._widths.get(text)
        if found is None:
            if len(self._widths) >= _KEPT:
                self._widths.clear()
            found = self._widths[text] = self.metrics.horizontalAdvance(text)
        return found
