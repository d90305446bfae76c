"""The small outlined word behind a figure that says where it comes from; the same in the panel and under answers."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter

from autoglm_desktop.ui.style import Theme, readable

from .face import Face

_PX, _PAD_PX, _RADIUS_PX = 10, 4, 3


def badge_face(font: QFont, theme: Theme) -> Face:
    """The face of badges, made from the interface font."""
    return Face.of(font, theme.px(_PX))


def badge_size(face: Face, text: str) -> QSize:
    """What `paint_badge` needs for `text` in the badge's face."""
    return QSize(face.width(text) + 2 * _PAD_PX + 2, face.height + 2)


def paint_badge(painter: QPainter, box: QRectF, text: str, face: Face, theme: Theme, *, on: str) -> None:
    """Draw `text` in its outline on a surface of the colour `on`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QColor(theme.line))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS_PX, _RADIUS_PX)
    painter.setPen(QColor(readable(theme.muted, on)))
    painter.setFont(face.font)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()
