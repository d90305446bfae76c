"""Drop anywhere: the whole window takes files and images, and shows that it does."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMainWindow, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.limits import MAX_IMAGES_PER_MESSAGE
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import pixmap

from .sources import carries

_INSET_PX, _RADIUS, _ICON_PX = 12, 16, 36


class DropVeil(QWidget):
    """Lies over a part of the window while something is dragged over it; the mouse goes through."""

    def __init__(self, look: Appearance, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, _: QPaintEvent) -> None:
        theme = self._look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QColor(theme.surface)
        ground.setAlphaF(0.92)
        painter.fillRect(self.rect(), ground)
        pen = QPen(QColor(theme.accent), 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(QColor(theme.selected))
        box = self.rect().adjusted(_INSET_PX, _INSET_PX, -_INSET_PX, -_INSET_PX)
        painter.drawRoundedRect(box, _RADIUS, _RADIUS)
        middle = self.rect().center()
        picture = pixmap("image", theme.accent, _ICON_PX, self.devicePixelRatioF())
        painter.drawPixmap(middle - QPoint(_ICON_PX // 2, _ICON_PX), picture)
        painter.setPen(QColor(theme.text))
        words = tr("Drop images or recordings here; a message takes up to {most} images", most=MAX_IMAGES_PER_MESSAGE)
        text = QRect(box.left() + 16, middle.y() + 12, box.width() - 32, 60)
        painter.drawText(text, Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, words)
        painter.end()


class DropArea(QObject):
    """Watches the window for drags; children that take text hand drags with files and images on to it."""

    dropped = Signal(object)
    """The `QMimeData`, valid during the signal only."""

    def __init__(self, window: QMainWindow, over: QWidget, look: Appearance) -> None:
        """`over` is the part that the veil covers."""
        super().__init__(window)
        self.veil = DropVeil(look, over)
        self._over = over
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.DragEnter and isinstance(event, QDragEnterEvent):
            return self._enter(event)
        if kind == QEvent.Type.DragLeave:
            self.veil.hide()
        elif kind == QEvent.Type.Drop and isinstance(event, QDropEvent):
            return self._drop(event)
        return False

    def _enter(self, event: QDragEnterEvent) -> bool:
        if not (self._over.isVisible() and carries(event.mimeData())):
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.veil.setGeometry(self._over.rect())
        self.veil.raise_()
        self.veil.show()
        return True

    def _drop(self, event: QDropEvent) -> bool:
        self.veil.hide()
        data: QMimeData = event.mimeData()
        if not (self._over.isVisible() and carries(data)):
            return False
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.dropped.emit(data)
        return True
