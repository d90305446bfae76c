"""What every part of the transcript needs to draw itself: theme, fonts, formulas."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from PySide6.QtGui import QColor, QFont, QTextCharFormat

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.appearance import figures_font
from autoglm_desktop.ui.style import BODY_PX, CAPTION_PX, SECONDARY_PX, Theme, mix, readable, tier_text

from .formulas import Formulas

MONO_FAMILIES = [
    "JetBrains Mono",
    "Cascadia Mono",
    "SF Mono",
    "Menlo",
    "Consolas",
    "Noto Sans Mono",
    "DejaVu Sans Mono",
    "Noto Sans Mono CJK SC",
    "monospace",
]


MAX_FORMATS = 500

_readable = lru_cache(maxsize=256)(readable)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Theme and formulas, and fonts and colours derived from them. A change of theme or font makes a new one."""

    theme: Theme
    formulas: Formulas
    base: QFont
    """The interface font."""
    formats: dict[tuple[int, str, int, str], QTextCharFormat] = field(default_factory=dict)
    """Formats made so far, by mark, link, level of heading and colour."""

    @property
    def body_px(self) -> int:
        return self.theme.px(BODY_PX)

    @property
    def line_px(self) -> int:
        """Height of a line of body text."""
        return round(self.body_px * 1.72)

    def font(self, px: int, *, bold: bool = False) -> QFont:
        """The interface font at an unscaled size of the look."""
        font = QFont(self.base)
        font.setPixelSize(self.theme.px(px))
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        return font

    def figures(self, px: int = SECONDARY_PX, *, bold: bool = False) -> QFont:
        return figures_font(self.font(px, bold=bold))

    def mono(self, px: int = BODY_PX - 1) -> QFont:
        font = QFont(MONO_FAMILIES)
        font.setStyleHint(QFont.StyleHint.Monospace)
        font.setFixedPitch(True)
        font.setPixelSize(self.theme.px(px))
        return font

    @property
    def caption_px(self) -> int:
        return CAPTION_PX

    def ink(self, color: str, on: str | None = None) -> QColor:
        """A colour of the theme as text that can be read."""
        return QColor(_readable(color, on or self.theme.surface))

    @property
    def link(self) -> QColor:
        return self.ink(self.theme.accent)

    @property
    def wash(self) -> str:
        """Behind code."""
        return mix(self.theme.surface, self.theme.text, 0.035 if not self.theme.dark else 0.05)

    def tier_ink(self, tier: Tier) -> QColor:
        return QColor(tier_text(self.theme, tier))
