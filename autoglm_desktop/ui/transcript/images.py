"""The images of a message: thumbnails at the right of the column, in the sizes that their parts promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.ui.style import mix

from .buttons import Button, pixmap
from .look import Look
from .stack import Piece

ALONE, TOGETHER = QSize(320, 240), QSize(220, 132)
"""Largest sizes in logical pixels, of one image and of each of several."""
_LEAST_PX, _GAP_PX, _RADIUS, _ICON_PX = 48, 8, 12, 28


class PictureSource(Protocol):
    """Where thumbnails come from."""

    def get(self, sha256: str) -> QImage | None:
        """None while it is being made; a null image when it cannot be shown."""


class ImageButton(Button):
    """One image, as large as its own shape allows; a click looks at it in full."""

    def __init__(self, look: Look, part: ImagePart, source: PictureSource | None, parent: QWidget) -> None:
        super().__init__(look, parent)
        self.part, self._source = part, source

    def shape_within(self, room: QSize) -> QSize:
        """Its size in `room`: smaller images stay as they are, very narrow ones get a margin."""
        own = QSize(max(1, self.part.width), max(1, self.part.height))
        scale = min(1.0, room.width() / own.width(), room.height() / own.height())
        return (own * scale).expandedTo(QSize(_LEAST_PX, _LEAST_PX)).boundedTo(room)

    @property
    def picture(self) -> QImage | None:
        return self._source.get(self.part.sha256) if self._source is not None else None

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        theme, box = self.look.theme, self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5)
        path = QPainterPath()
        path.addRoundedRect(box, _RADIUS, _RADIUS)
        painter.fillPath(path, QColor(mix(theme.surface, theme.text, 0.06)))
        picture = self.picture
        if picture is not None and not picture.isNull():
            painter.setClipPath(path)
            painter.drawImage(_fitting(picture.size(), self.rect()), picture)
            painter.setClipping(False)
        elif picture is not None:
            icon = pixmap("image", theme.muted, _ICON_PX, self.devicePixelRatioF())
            middle = self.rect().center()
            painter.drawPixmap(middle.x() - _ICON_PX // 2, middle.y() - _ICON_PX // 2, icon)
        pen = painter.pen()
        pen.setWidthF(2.0 if self.hasFocus() else 1.0)
        pen.setColor(QColor(theme.accent if self.hasFocus() or self.underMouse() else theme.line))
        painter.setPen(pen)
        painter.drawPath(path)
        painter.end()


class ImagesPiece(Piece):
    """All images of a message, in rows from the right."""

    def __init__(
        self, look: Look, parts: Sequence[ImagePart], source: PictureSource | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.buttons = [ImageButton(look, part, source, self) for part in parts]
        for number, button in enumerate(self.buttons):
            button.setAccessibleName(image_name(button.part, number, len(parts)))
            button.setToolTip(tr("{name}: click to see it in full", name=_called(button.part)))

    def arrange(self, width: int) -> int:
        room = ALONE if len(self.buttons) == 1 else TOGETHER
        y = 0
        for line in self._lines(room.boundedTo(QSize(width, room.height())), width):
            tall = max(size.height() for _, size in line)
            x = width - sum(size.width() + _GAP_PX for _, size in line) + _GAP_PX
            for button, size in line:
                button.setGeometry(x, y + tall - size.height(), size.width(), size.height())
                x += size.width() + _GAP_PX
            y += tall + _GAP_PX
        return max(0, y - _GAP_PX)

    def focusables(self) -> list[QWidget]:
        return list(self.buttons)

    def refresh(self, sha256: str) -> None:
        """A thumbnail arrived; sizes do not change by it."""
        for button in self.buttons:
            if button.part.sha256 == sha256:
                button.update()

    def _lines(self, room: QSize, width: int) -> list[list[tuple[ImageButton, QSize]]]:
        lines: list[list[tuple[ImageButton, QSize]]] = [[]]
        x = 0
        for button in self.buttons:
            size = button.shape_within(room)
            if lines[-1] and x + size.width() > width:
                lines.append([])
                x = 0
            lines[-1].append((button, size))
            x += size.width() + _GAP_PX
        return lines


def image_name(part: ImagePart, place: int, count: int) -> str:
    """What a screen reader says for an image."""
    if count == 1:
        return tr("Image: {name}, {width} × {height}", name=_called(part), width=part.width, height=part.height)
    return tr(
        "Image {number} of {count}: {name}, {width} × {height}",
        number=place + 1,
        count=count,
        name=_called(part),
        width=part.width,
        height=part.height,
    )


def _called(part: ImagePart) -> str:
    return part.name or tr("Image")


def _fitting(picture: QSize, box: QRect) -> QRect:
    """Where a picture goes in a box of about its own shape."""
    scale = min(1.0, box.width() / picture.width(), box.height() / picture.height())
    if abs(picture.width() / picture.height() - box.width() / box.height()) < 0.05:
        return box  # rounding must not leave a line of background
    shown = QRect(0, 0, max(1, round(picture.width() * scale)), max(1, round(picture.height() * scale)))
    shown.moveCenter(box.center())
    return shown
