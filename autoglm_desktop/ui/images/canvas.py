"""An image at any size, of which only what is seen is drawn."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.ui.appearance import Appearance

_SMALL = 0.5
"""Below this zoom the image is scaled down once, well, instead of roughly at every paint."""
_SHARP = 2.0
"""From here on pixels are squares."""


class Canvas(QWidget):
    """Draws an image at a zoom (logical pixels for each of its own), or words while there is none."""

    def __init__(self, look: Appearance) -> None:
        super().__init__()
        self._look = look
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._image, self._small, self._zoom = QImage(), QImage(), 1.0
        self.words = ""

    def show_words(self, words: str, room: QSize) -> None:
        """Say something in the place of the image."""
        self._image, self._small, self.words = QImage(), QImage(), words
        self.resize(room)
        self.update()

    def show_image(self, image: QImage, zoom: float) -> None:
        self._image, self._zoom, self.words, self._small = image, zoom, "", QImage()
        size = (QSize(image.size()) * zoom).expandedTo(QSize(1, 1))
        if zoom < _SMALL:
            pixels = size * self.devicePixelRatioF()
            aspect, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            self._small = image.scaled(pixels, aspect, smooth)
        self.resize(size)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image.isNull():
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap), self.words)
        elif not self._small.isNull():
            painter.drawImage(self.rect(), self._small)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._zoom < _SHARP)
            seen = QRectF(event.rect()).adjusted(-2, -2, 2, 2).intersected(QRectF(self.rect()))
            across, down = self._image.width() / self.width(), self._image.height() / self.height()
            source = QRectF(seen.x() * across, seen.y() * down, seen.width() * across, seen.height() * down)
            painter.drawImage(seen, self._image, source)
        painter.end()
