"""One image of the message that is being written: a square to open it, and a cross to take it out."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QFocusEvent, QImage, QKeyEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.icons import pixmap
from autoglm_desktop.ui.style import Theme, mix

SIDE_PX = 64
_CROSS_PX, _RADIUS, _TURN_MS = 20, 10, 80


class Cross(QAbstractButton):
    """A round ✕ that stays readable on any picture."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFixedSize(_CROSS_PX, _CROSS_PX)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, hot = self._theme, self.underMouse() or self.isDown()
        painter.setBrush(QColor(theme.text if hot else theme.raised))
        painter.setPen(QColor(theme.accent if self.hasFocus() else theme.line))
        painter.drawEllipse(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5))
        color = theme.raised if hot else theme.text
        picture = pixmap("x-bold", color, 10, self.devicePixelRatioF())
        painter.drawPixmap((_CROSS_PX - 10) // 2, (_CROSS_PX - 10) // 2, picture)
        painter.end()


class Thumb(QAbstractButton):
    """Click or Enter opens the image, Delete or its cross takes it out; it turns while the image is taken in."""

    removed = Signal()

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._name = theme, name
        self._picture: QImage | None = None
        self._angle = 0
        self.setFixedSize(SIDE_PX, SIDE_PX)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.cross = Cross(theme, self)
        self.cross.move(SIDE_PX - _CROSS_PX - 2, 2)
        self.cross.clicked.connect(self.removed)
        self._turning = QTimer(self, interval=_TURN_MS)
        self._turning.timeout.connect(self._turn)
        if theme.motion:
            self._turning.start()
        self.retranslate()

    @property
    def waiting(self) -> bool:
        return self._picture is None

    def show_picture(self, picture: QImage) -> None:
        """The image is there; a null picture is one that can be sent but not drawn."""
        self._turning.stop()
        self._picture = picture
        self.retranslate()
        self.update()

    def retranslate(self) -> None:
        name = self._name or tr("Image")
        words = tr("{name}, being taken in", name=name) if self.waiting else name
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.setAccessibleDescription(tr("Enter opens the image, Delete takes it out of the message"))
        self.cross.setAccessibleName(tr("Remove {name}", name=name))
        self.cross.setToolTip(tr("Remove {name}", name=name))

    def sizeHint(self) -> QSize:
        return QSize(SIDE_PX, SIDE_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = self.rect().toRectF().adjusted(1, 1, -1, -1)
        path = QPainterPath()
        path.addRoundedRect(box, _RADIUS, _RADIUS)
        painter.fillPath(path, QColor(mix(self._theme.raised, self._theme.text, 0.06)))
        painter.setClipPath(path)
        if self._picture is None:
            self._paint_waiting(painter)
        elif self._picture.isNull():
            painter.drawPixmap(20, 20, pixmap("image", self._theme.muted, 24, self.devicePixelRatioF()))
        else:
            painter.drawImage(box, self._picture, covering(self._picture.size(), box))
        painter.setClipping(False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(self._theme.accent if self.hasFocus() or self.underMouse() else self._theme.line))
        painter.drawPath(path)
        painter.end()

    def _paint_waiting(self, painter: QPainter) -> None:
        pen = painter.pen()
        pen.setWidthF(2.5)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setColor(QColor(self._theme.muted))
        painter.setPen(pen)
        side = 22
        ring = QRect((SIDE_PX - side) // 2, (SIDE_PX - side) // 2, side, side)
        painter.drawArc(ring, -self._angle * 16, 270 * 16)

    def _turn(self) -> None:
        self._angle = (self._angle + 30) % 360
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.update()


def covering(picture: QSize, box: QRectF) -> QRectF:
    """The middle part of a picture that fills `box` without distortion."""
    scale = max(box.width() / picture.width(), box.height() / picture.height())
    width, height = box.width() / scale, box.height() / scale
    return QRectF((picture.width() - width) / 2, (picture.height() - height) / 2, width, height)
