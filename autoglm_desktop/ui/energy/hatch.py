"""Textures that go with colours, so that areas can be told apart without them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.style import Theme, mix

_STYLES = Qt.BrushStyle
TIER_TEXTURES = {Tier.FP16: _STYLES.NoBrush, Tier.INT8: _STYLES.BDiagPattern, Tier.INT4: _STYLES.VerPattern}


def texture(color: str, style: Qt.BrushStyle, theme: Theme) -> QBrush:
    """Lines over a fill of `color`, lighter than it on light themes and darker on dark ones."""
    return QBrush(QColor(mix(color, theme.raised, 0.45)), style)
