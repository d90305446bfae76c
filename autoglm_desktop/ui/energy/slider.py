"""A slider that says where its thresholds lie: marks on the track, names of the zones below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from autoglm_desktop.ui.appearance import Appearance, figures_font
from autoglm_desktop.ui.style import CAPTION_PX, Theme, readable

_TRACK_PX, _HANDLE_PX, _MARK_PX = 5, 16, 13
_INSET_PX = _HANDLE_PX // 2 + 1


@dataclass(frozen=True, slots=True)
class Word:
    """Something written below the track, centred at `at`, on the slider's scale."""

    at: float
    text: str


class LevelSlider(QSlider):
    """Horizontal, in whole units. `chosen` tells only what a person did, never what `show_level` set; where not `live`,
    a drag tells its end alone.

    Click or drag anywhere on it; arrows move by one, Page Up and Down by ten, Home and End to the ends. A slider that
    is held keeps its place while views arrive.
    """

    chosen = Signal(int)

    def __init__(
        self,
        look: Appearance,
        low: int,
        high: int,
        *,
        marks: Sequence[int] = (),
        fill: Callable[[Theme, int], str] | None = None,
        live: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._look, self._marks, self._fill, self._live = look, tuple(marks), fill, live
        self._words: tuple[Word, ...] = ()
        self._told = True
        self.setRange(low, high)
        self.setPageStep(10)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.valueChanged.connect(self._tell)
        look.theme_changed.connect(self._restyled)

    def show_level(self, value: float) -> None:
        """Follow a value from outside, unless a person holds the handle."""
        if self.isSliderDown() or not isfinite(value):
            return
        level = round(min(self.maximum(), max(self.minimum(), value)))
        if level != self.value():
            self._told = False
            self.setValue(level)
            self._told = True

    def set_words(self, words: Sequence[Word]) -> None:
        """The names below the track."""
        self._words = tuple(words)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, _HANDLE_PX + 4 + (self._word_height() if self._words else 0))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setValue(self._value_at(event.position()))
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self.setValue(self._value_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self.isSliderDown():
            return
        self.setSliderDown(False)
        self.update()
        if not self._live:
            self.chosen.emit(self.value())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the panel; it never turns a slider that happens to pass under the mouse."""
        event.ignore()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._look.theme
        color = self._fill(theme, self.value()) if self._fill is not None else theme.accent
        self._paint_track(painter, theme, color)
        self._paint_handle(painter, theme, color)
        self._paint_words(painter, theme)
        painter.end()

    def _paint_track(self, painter: QPainter, theme: Theme, color: str) -> None:
        middle = _HANDLE_PX / 2 + 2
        left, right, at = self.x_of(self.minimum()), self.x_of(self.maximum()), self.x_of(self.value())
        painter.setPen(Qt.PenStyle.NoPen)
        for end, ink in ((right, theme.line), (at, color)):
            painter.setBrush(QColor(ink))
            painter.drawRoundedRect(QRectF(left, middle - _TRACK_PX / 2, end - left, _TRACK_PX), 2.5, 2.5)
        painter.setBrush(QColor(readable(theme.muted, theme.raised, least=3.0)))
        for mark in self._marks:
            painter.drawRect(QRectF(self.x_of(mark) - 0.5, middle - _MARK_PX / 2, 1, _MARK_PX))

    def _paint_handle(self, painter: QPainter, theme: Theme, color: str) -> None:
        center = QPointF(self.x_of(self.value()), _HANDLE_PX / 2 + 2)
        painter.setBrush(QColor(theme.raised))
        pen = painter.pen()
        pen.setStyle(Qt.PenStyle.SolidLine)
        pen.setColor(QColor(color if self.isEnabled() else theme.faint))
        pen.setWidthF(2.0)
        painter.setPen(pen)
        painter.drawEllipse(center, _HANDLE_PX / 2 - 1, _HANDLE_PX / 2 - 1)
        if self.hasFocus():
            painter.setBrush(QColor(color))
            painter.drawEllipse(center, 2.5, 2.5)

    def _paint_words(self, painter: QPainter, theme: Theme) -> None:
        painter.setFont(self._word_font())
        metrics = QFontMetrics(self._word_font())
        painter.setPen(QColor(readable(theme.faint, theme.raised)))
        for word in self._words:
            wide = metrics.horizontalAdvance(word.text)
            x = min(max(0.0, self.x_of(word.at) - wide / 2), self.width() - wide)
            painter.drawText(QRect(round(x), _HANDLE_PX + 4, wide + 2, metrics.height()), 0, word.text)

    def x_of(self, value: float) -> float:
        """Where a value lies, in pixels from the left edge."""
        span = max(1, self.maximum() - self.minimum())
        return _INSET_PX + (value - self.minimum()) / span * (self.width() - 2 * _INSET_PX)

    def _value_at(self, place: QPointF) -> int:
        share = (place.x() - _INSET_PX) / max(1, self.width() - 2 * _INSET_PX)
        return round(self.minimum() + min(1.0, max(0.0, share)) * (self.maximum() - self.minimum()))

    def _word_font(self) -> QFont:
        font = figures_font(self._look.font)
        font.setPixelSize(self._look.theme.px(CAPTION_PX))
        return font

    def _word_height(self) -> int:
        return QFontMetrics(self._word_font()).height() + 1

    def _tell(self, value: int) -> None:
        self.update()
        if self._told and (self._live or not self.isSliderDown()):
            self.chosen.emit(value)

    def _restyled(self) -> None:
        self.updateGeometry()
        self.update()
