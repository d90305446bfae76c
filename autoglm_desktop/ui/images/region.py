"""A region of the screen: a still picture of every screen with a rubber band over it, by mouse or by keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.devices.screen import Screenshot, ScreenSource, cut

_SETTLE_MS = 300
"""Until the window manager has taken the window off the screen, and what lay under it has been painted."""
_LEAST_PX, _STEP_PX, _LEAP_PX = 4, 1, 20
_ARROWS = {
    Qt.Key.Key_Left: QPoint(-1, 0),
    Qt.Key.Key_Right: QPoint(1, 0),
    Qt.Key.Key_Up: QPoint(0, -1),
    Qt.Key.Key_Down: QPoint(0, 1),
}


class RegionChooser(QObject):
    """Chooses a part of `shots`. Exactly one of `chosen` and `cancelled` follows `show`."""

    chosen = Signal(QImage)
    cancelled = Signal()

    def __init__(self, shots: Sequence[Screenshot], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shots = tuple(shots)
        self._corner: QPoint | None = None
        self._over = False
        self.point = self._shots[0].geometry.center()
        self.overlays = [_Overlay(shot, self) for shot in self._shots]

    def show(self) -> None:
        for overlay in self.overlays:
            overlay.showFullScreen()
            overlay.setGeometry(overlay.shot.geometry)
        self.overlays[0].activateWindow()
        self.overlays[0].setFocus()

    @property
    def region(self) -> QRect:
        """Between the fixed corner and the point, in logical pixels of the desktop; empty before there is a corner."""
        return QRect(self._corner, self.point).normalized() if self._corner is not None else QRect()

    def begin(self, point: QPoint) -> None:
        """Fix the first corner."""
        self._corner = self.point = point
        self._repaint()

    def move(self, point: QPoint) -> None:
        """Move the other corner, or the cross-hair while there is none; it stays on the desktop."""
        desktop = QRect()
        for shot in self._shots:
            desktop = desktop.united(shot.geometry)
        self.point = QPoint(
            min(max(point.x(), desktop.left()), desktop.right()), min(max(point.y(), desktop.top()), desktop.bottom())
        )
        self._repaint()

    def finish(self) -> None:
        """Take the region; one of less than four pixels is a slip of the hand, and choosing goes on."""
        region = self.region
        if min(region.width(), region.height()) < _LEAST_PX:
            self._corner = None
            self._repaint()
        else:
            self._end(region)

    def take_screen(self, geometry: QRect) -> None:
        """Take a whole screen."""
        self._end(geometry)

    def cancel(self) -> None:
        if not self._over:
            self._over = True
            self.cancelled.emit()
            self._hide()

    def press_key(self, event: QKeyEvent, screen: QRect) -> bool:
        """Arrows move, Enter fixes a corner and then takes the region, F takes the screen, Esc gives up."""
        key = Qt.Key(event.key())
        if key in _ARROWS:
            far = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.move(self.point + _ARROWS[key] * (_STEP_PX if far else _LEAP_PX))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.finish() if self._corner is not None else self.begin(self.point)
        elif key == Qt.Key.Key_F:
            self.take_screen(screen)
        elif key == Qt.Key.Key_Escape:
            self.cancel()
        else:
            return False
        return True

    def _end(self, region: QRect) -> None:
        if self._over:
            return
        self._over = True
        self.chosen.emit(cut(self._shots, region))
        self._hide()

    def _hide(self) -> None:
        """After the signal: by then the window is back, and no last window closes."""
        for overlay in self.overlays:
            overlay.hide()
            overlay.deleteLater()

    def _repaint(self) -> None:
        for overlay in self.overlays:
            overlay.update()


class _Overlay(QWidget):
    """One screen of the chooser."""

    def __init__(self, shot: Screenshot, chooser: RegionChooser) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
        self.shot, self._chooser = shot, chooser
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setGeometry(shot.geometry)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setWindowTitle(tr("Choose a region"))
        self.setAccessibleName(hint())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._chooser.press_key(event, self.shot.geometry):
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._chooser.begin(event.globalPosition().toPoint())
        elif event.button() == Qt.MouseButton.RightButton:
            self._chooser.cancel()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._chooser.move(event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._chooser.move(event.globalPosition().toPoint())
            self._chooser.finish()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawImage(self.rect(), self.shot.picture)
        painter.fillRect(self.rect(), QColor(0, 0, 0, 110))
        offset = self.shot.geometry.topLeft()
        region = self._chooser.region.translated(-offset)
        if not region.isEmpty():
            self._paint_region(painter, region)
        else:
            self._paint_cross(painter, self._chooser.point - offset)
        self._paint_words(painter)
        painter.end()

    def _paint_region(self, painter: QPainter, region: QRect) -> None:
        ratio = self.shot.ratio
        inside = QRect(region.topLeft() * ratio, region.size() * ratio)
        painter.drawImage(region, self.shot.picture, inside)
        painter.setPen(QPen(QColor("#7AA5FF"), 2))
        painter.drawRect(region)
        words = f"{round(region.width() * ratio)} × {round(region.height() * ratio)}"
        self._paint_plate(painter, words, region.bottomLeft() + QPoint(0, 10))

    def _paint_cross(self, painter: QPainter, point: QPoint) -> None:
        painter.setPen(QPen(QColor(255, 255, 255, 160), 1))
        painter.drawLine(0, point.y(), self.width(), point.y())
        painter.drawLine(point.x(), 0, point.x(), self.height())

    def _paint_words(self, painter: QPainter) -> None:
        wide = painter.fontMetrics().horizontalAdvance(hint())
        self._paint_plate(painter, hint(), QPoint(max(16, (self.width() - wide) // 2), 32))

    def _paint_plate(self, painter: QPainter, words: str, place: QPoint) -> None:
        box = painter.fontMetrics().boundingRect(QRect(0, 0, self.width() - 32, 200), _WRAP, words)
        box = box.adjusted(-12, -7, 12, 7)
        box.moveTopLeft(place)
        box.moveBottom(min(box.bottom(), self.height() - 4))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(15, 18, 22, 225))
        painter.drawRoundedRect(box, 8, 8)
        painter.setPen(QColor("white"))
        painter.drawText(box.adjusted(12, 7, -12, -7), _WRAP, words)


_WRAP = int(Qt.TextFlag.TextWordWrap)


def hint() -> str:
    """What can be done, written over the screens."""
    return tr("Drag a rectangle, or use the arrows and Enter (Shift: by pixels). F: the whole screen. Esc: cancel.")


class ScreenshotTaker(QObject):
    """Hides the window, takes the screens, lets a region be chosen, brings the window back."""

    taken = Signal(QImage)
    failed = Signal()
    """No screen could be taken."""
    ended = Signal()
    """The window is back, with a picture or without."""

    def __init__(self, window: QWidget, screens: ScreenSource) -> None:
        super().__init__(window)
        self._window, self._screens = window, screens
        self.chooser: RegionChooser | None = None
        self._geometry = QRect()
        self._running = False

    def begin(self) -> None:
        """Ask for a region; nothing happens while one is being chosen. The caller asked for hindrances before."""
        if self._running:
            return
        self._running = True
        self._maximized = self._window.isMaximized()
        self._geometry = self._window.geometry()
        self._window.hide()
        QTimer.singleShot(_SETTLE_MS, self, self._choose)

    def _choose(self) -> None:
        shots = self._screens.take()
        if not shots:
            self._back()
            self.failed.emit()
            return
        self.chooser = RegionChooser(shots, self)
        self.chooser.chosen.connect(self._chosen)
        self.chooser.cancelled.connect(self._back)
        self.chooser.show()

    def _chosen(self, picture: QImage) -> None:
        self._back()
        self.taken.emit(picture)

    def _back(self) -> None:
        self._running = False
        if self._maximized:
            self._window.showMaximized()
        else:
            self._window.setGeometry(self._geometry)
            self._window.show()
        self._window.raise_()
        self._window.activateWindow()
        if self.chooser is not None:
            self.chooser.deleteLater()
            self.chooser = None
        self.ended.emit()
