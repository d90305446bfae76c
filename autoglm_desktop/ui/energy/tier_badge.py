"""A tier's name in an outline of its colour."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme, readable, tier_color
from autoglm_desktop.ui.widgets.parts import Panel, describe


class TierBadge(Panel):
    """Large enough to be read from afar; the name is always written."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._tier = Tier.INT8
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.settle()

    @property
    def tier(self) -> Tier:
        return self._tier

    def show_tier(self, tier: Tier) -> None:
        """Write the name of `tier` in its colour."""
        if tier is not self._tier:
            self._tier = tier
            self.retranslate()
            self.update()

    def retranslate(self) -> None:
        describe(self, tr("Tier {tier}", tier=self._tier.label))

    def set_theme(self, theme: Theme) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font())
        return QSize(metrics.horizontalAdvance("FP16") + 22, metrics.height() + 9)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self.look.theme
        color = QColor(readable(tier_color(theme, self._tier), theme.raised))
        pen = painter.pen()
        pen.setColor(color)
        pen.setWidthF(1.4)
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)
        painter.setFont(self._font())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._tier.label)
        painter.end()

    def _font(self) -> QFont:
        font = QFont(self.look.font)
        font.setPixelSize(self.look.theme.px(13))
        font.setWeight(QFont.Weight.Bold)
        return font
