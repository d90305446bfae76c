"""The mark of the application: a rounded square that runs from the accent to the colour of INT8."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QLinearGradient, QPainter, QPixmap

from .style import LIGHT, Theme


def brand_pixmap(theme: Theme, size_px: int, ratio: float = 1.0) -> QPixmap:
    """The mark at `size_px` logical pixels on a screen with `ratio` pixels to each."""
    picture = QPixmap(round(size_px * ratio), round(size_px * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    gradient = QLinearGradient(QPointF(0, 0), QPointF(size_px, size_px))
    gradient.setColorAt(0, QColor(theme.accent))
    gradient.setColorAt(1, QColor(theme.int8))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient)
    painter.drawRoundedRect(QRectF(0, 0, size_px, size_px), size_px * 0.3, size_px * 0.3)
    painter.end()
    return picture


def window_icon() -> QIcon:
    """The icon of the window in the sizes that task bars use."""
    made = QIcon()
    for size in (16, 32, 64, 128):
        made.addPixmap(brand_pixmap(LIGHT, size))
    return made
