"""The small outlined word behind a figure that says where it comes from; the same in the panel and under answers."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.ui.style import Theme, readable

from . import words

_PX, _PAD_PX, _RADIUS_PX = 10, 4, 3


def badge_font(font: QFont, theme: Theme) -> QFont:
    """The font of badges, made from the interface font."""
    made = QFont(font)
    made.setPixelSize(theme.px(_PX))
    made.setWeight(QFont.Weight.Normal)
    return made


def badge_size(font: QFont, text: str) -> QSize:
    """What `paint_badge` needs for `text` in the badge font."""
    metrics = QFontMetrics(font)
    return QSize(metrics.horizontalAdvance(text) + 2 * _PAD_PX + 2, metrics.height() + 2)


def paint_badge(painter: QPainter, box: QRectF, text: str, font: QFont, theme: Theme, *, on: str) -> None:
    """Draw `text` in its outline on a surface of the colour `on`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QColor(theme.line))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS_PX, _RADIUS_PX)
    painter.setPen(QColor(readable(theme.muted, on)))
    painter.setFont(font)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


class ProvenanceBadge(QWidget):
    """A badge as a widget of its own, made for one theme and language."""

    def __init__(self, origin: Provenance, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._theme = words.provenance(origin), theme
        self._font = badge_font(self.font(), theme)
        self.setAccessibleName(self._text)
        self.setToolTip(words.provenance_tip(origin))

    def sizeHint(self) -> QSize:
        return badge_size(self._font, self._text)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_badge(painter, QRectF(self.rect()), self._text, self._font, self._theme, on=self._theme.surface)
        painter.end()
