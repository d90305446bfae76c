"""The stacked plot of watts. The only module that imports pyqtgraph: see `plot_loader`.

One graphics item draws all areas, without antialiasing, from bins no finer than pixels; the axes are two lines of text.
That keeps a frame well under a millisecond.
"""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.style import CAPTION_PX, Theme, readable

from . import words
from .components import TEXTURES, component_color
from .hatch import texture
from .stack import COMPONENTS, Stack, nice_ceiling, ticks

_HEIGHT_PX, _GUTTER = 92, 0.11


class StackItem(pg.GraphicsObject):  # type: ignore[misc]
    """The areas of a stack, bottom to top, each with its colour and texture."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._areas: list[tuple[str, QPolygonF]] = []
        self._bounds = QRectF(-1.0, 0.0, 1.0, 1.0)

    def show_stack(self, stack: Stack, bounds: QRectF) -> None:
        """Draw `stack`; `bounds` is the plot's range."""
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        tops = np.cumsum(stack.watts, axis=0)
        self._areas = [
            (name, _area(stack.edges_s, tops[k] - stack.watts[k], tops[k]))
            for k, name in enumerate(COMPONENTS)
            if float(stack.watts[k].max()) > 0.0
        ]
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Fill in device pixels: textures of a scaled painter would be scaled with it."""
        place = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        for name, area in self._areas:
            shape = place.map(area)
            color = component_color(name, self._theme)
            painter.setBrush(QColor(color))
            painter.drawPolygon(shape)
            if TEXTURES[name] is not Qt.BrushStyle.NoBrush:
                painter.setBrush(texture(color, TEXTURES[name], self._theme))
                painter.drawPolygon(shape)
        painter.restore()


class PowerPlot(pg.PlotWidget):  # type: ignore[misc]
    """Stacked watts over the last seconds: a picture, its figures are told by the card around it."""

    def __init__(self, theme: Theme, font: QFont, span_s: float) -> None:
        super().__init__(antialias=False)
        self._theme, self._base, self.span_s = theme, font, span_s
        self._ceiling = 0.0
        self.setFixedHeight(_HEIGHT_PX)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setViewportUpdateMode(self.ViewportUpdateMode.MinimalViewportUpdate)
        for side in ("left", "bottom"):
            self.getPlotItem().hideAxis(side)
        view = self.getViewBox()
        view.setDefaultPadding(0.0)
        view.disableAutoRange()
        self._item = StackItem(theme)
        self.addItem(self._item)
        self._lines: list[tuple[pg.InfiniteLine, pg.TextItem]] = []
        self.set_theme(theme)

    def show_stack(self, stack: Stack) -> None:
        """Draw it; the scale changes only when the peak leaves it or needs less than half."""
        wanted = nice_ceiling(stack.peak_w * 1.08)
        if wanted > self._ceiling or wanted < 0.55 * self._ceiling:
            self._ceiling = wanted
            self._scale()
        self._item.show_stack(stack, QRectF(-self._left_s, 0.0, self._left_s, self._ceiling))

    def set_theme(self, theme: Theme) -> None:
        """Colours of another theme."""
        self._theme = theme
        self.setBackground(QColor(theme.raised))
        self._item.set_theme(theme)
        if self._ceiling > 0.0:
            self._scale()

    def set_span(self, span_s: float) -> None:
        """Another length of time."""
        self.span_s = span_s
        self._scale()

    @property
    def _left_s(self) -> float:
        """The left edge: beyond the span there is room for the axis' figures."""
        return self.span_s * (1.0 + _GUTTER)

    def _scale(self) -> None:
        self.getViewBox().setRange(
            xRange=(-self._left_s, 0.0), yRange=(0.0, self._ceiling), padding=0.0, disableAutoRange=True
        )
        for old in [item for pair in self._lines for item in pair]:
            self.removeItem(old)
        self._lines = [self._line(value) for value in ticks(self._ceiling)]

    def _line(self, value_w: float) -> tuple[pg.InfiniteLine, pg.TextItem]:
        """A hairline across the plot with its watts, above the areas."""
        ink = QColor(self._theme.text)
        ink.setAlphaF(0.13)
        line = pg.InfiniteLine(pos=value_w, angle=0, pen=pg.mkPen(ink, width=1))
        line.setZValue(1)
        text = pg.TextItem(
            tr("{watts} W", watts=words.number(value_w, 0 if value_w == int(value_w) else 1)),
            color=readable(self._theme.muted, self._theme.raised),
            anchor=(0.0, 0.0),
        )
        font = QFont(self._base)
        font.setPixelSize(self._theme.px(CAPTION_PX - 1))
        text.setFont(font)
        text.setPos(-self._left_s, value_w)
        text.setZValue(2)
        self.addItem(line, ignoreBounds=True)
        self.addItem(text, ignoreBounds=True)
        return line, text


def _area(edges: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> QPolygonF:
    """The outline of one component as steps over its bins."""
    x = np.repeat(edges, 2)[1:-1]
    top, bottom = np.repeat(upper, 2), np.repeat(lower, 2)
    polygon: QPolygonF = pg.functions.arrayToQPolygonF(
        np.concatenate((x, x[::-1])), np.concatenate((top, bottom[::-1]))
    )
    return polygon
