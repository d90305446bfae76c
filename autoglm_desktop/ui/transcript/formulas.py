"""LaTeX as pictures: ziamath sets a formula on a worker thread, the window draws its SVG at the screen's resolution."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QByteArray, QObject, Signal
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from .background import Background

logger = logging.getLogger(__name__)

MAX_TEX_CHARACTERS = 4000
MAX_CACHED = 512
MAX_PICTURE_PX = 16_000_000
_VIEW_BOX = re.compile(r'viewBox="(\S+) (\S+) (\S+) (\S+)"')
_NOT_IN_FONT = re.compile("[\u2e80-\uffef]")
"""Formulas with Chinese in them are shown as source: the mathematical font lacks the characters."""


@dataclass(frozen=True, slots=True)
class Key:
    """A formula, whether it is displayed, and its font size in logical pixels."""

    tex: str
    display: bool
    size_px: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """A formula that was set. Lengths are logical pixels above and below the baseline; `svg` None: it cannot be set."""

    svg: bytes | None
    width: float = 0.0
    ascent: float = 0.0
    descent: float = 0.0


FAILED = Drawing(None)


class Formulas(QObject):
    """Sets formulas in the background and keeps the last ones. GUI thread only."""

    arrived = Signal()
    """A formula that was awaited can now be had with `get`."""

    def __init__(self, parent: QObject | None = None, background: Background | None = None) -> None:
        super().__init__(parent)
        self._known: OrderedDict[Key, Drawing] = OrderedDict()
        self._awaited: set[Key] = set()
        self._generation = 0
        self._background = background or Background(self)

    @property
    def awaited(self) -> int:
        """How many formulas are still being set."""
        return len(self._awaited)

    def get(self, key: Key) -> Drawing | None:
        """The drawing, or None while it is being set (`arrived` tells)."""
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        if len(key.tex) > MAX_TEX_CHARACTERS or _NOT_IN_FONT.search(key.tex):
            return FAILED
        if key not in self._awaited:
            self._awaited.add(key)
            self._background.run(partial(typeset, key), partial(self._keep, self._generation, key))
        return None

    def forget(self) -> None:
        """Drop every formula, also those that are being set."""
        self._known.clear()
        self._awaited.clear()
        self._generation += 1

    def _keep(self, generation: int, key: Key, drawing: Drawing) -> None:
        if generation != self._generation:
            return
        self._awaited.discard(key)
        self._known[key] = drawing
        while len(self._known) > MAX_CACHED:
            self._known.popitem(last=False)
        self.arrived.emit()


def typeset(key: Key) -> Drawing:
    """Set a formula with ziamath. `FAILED` when it is not LaTeX that ziamath understands. Any thread; 2 to 50 ms."""
    from ziamath.config import config
    from ziamath.zmath import Latex

    config.svg2 = False  # plain paths: Qt draws SVG Tiny
    try:
        svg = str(Latex(key.tex, size=key.size_px, inline=not key.display).svg())
    except Exception as error:  # noqa: BLE001 - the parser raises whatever it stumbles over; the source is shown instead
        logger.debug("formula not set: %s: %s", type(error).__name__, error)
        return FAILED
    box = _VIEW_BOX.search(svg)
    if box is None:
        return FAILED
    _, top, width, height = (float(number) for number in box.groups())
    return Drawing(svg.encode(), width, -top, height + top)


def picture(drawing: Drawing, color: str, ratio: float, *, above: float = 0, below: float = 0) -> QImage:
    """The formula in one colour with `ratio` device pixels to a logical one, with empty space `above` and `below`."""
    width, height = drawing.width, above + drawing.ascent + drawing.descent + below
    if width * height * ratio * ratio > MAX_PICTURE_PX:
        ratio = min(ratio, 1.0)
    image = QImage(round(width * ratio) or 1, round(height * ratio) or 1, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    renderer = QSvgRenderer(QByteArray(drawing.svg or b""))
    tall = round((drawing.ascent + drawing.descent) * ratio)
    painter.setViewport(0, round(above * ratio), image.width(), tall)
    renderer.render(painter)
    painter.resetTransform()
    painter.setViewport(image.rect())
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.fillRect(image.rect(), QColor(color))
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image
