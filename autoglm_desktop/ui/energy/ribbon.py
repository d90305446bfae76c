"""The tier over the last minutes, as a ribbon: each stretch in its colour and texture, with its name where it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.appearance import Appearance, figures_font
from autoglm_desktop.ui.style import CAPTION_PX, Theme, ink_on, readable, tier_color
from autoglm_desktop.ui.widgets.parts import Panel

from .hatch import TIER_TEXTURES, texture

if TYPE_CHECKING:
    from autoglm_desktop.assistant.energy_view import EnergySeries

_LEAST_BAR_PX, _GAP_PX, _TEXTURED_FROM_PX = 15, 2, 3


@dataclass(frozen=True, slots=True)
class Stretch:
    """A tier that held from one Unix time to another."""

    tier: Tier
    from_s: float
    to_s: float


def stretches(series: EnergySeries) -> tuple[Stretch, ...]:
    """What held when; a sample speaks for the time up to the next one."""
    times, tiers = series.time_s, series.tier
    if times.size < 2:
        return ()
    changes = [int(place) + 1 for place in (tiers[1:] != tiers[:-1]).nonzero()[0]]
    bounds = [0, *changes, times.size - 1]
    return tuple(
        Stretch(_tier(float(tiers[start])), float(times[start]), float(times[end]))
        for start, end in pairwise(bounds)
        if end > start
    )


def _tier(place: float) -> Tier:
    order = list(Tier)
    return order[int(place)] if isfinite(place) and 0 <= place < len(order) else Tier.INT4


class TierRibbon(Panel):
    """Shows stretches from the first moment known to now."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._stretches: tuple[Stretch, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.settle()

    def show_stretches(self, shown: Sequence[Stretch]) -> None:
        """The tiers since the panel knows them, in order."""
        self._stretches = tuple(shown)
        self.retranslate()
        self.update()

    def retranslate(self) -> None:
        held = ", ".join(f"{_clock(part.from_s)} {part.tier.label}" for part in self._stretches[-6:])
        name = tr("Tiers of the last minutes: {tiers}", tiers=held or tr("none yet"))
        self.setAccessibleName(name)
        self.setToolTip(name)

    def set_theme(self, theme: Theme) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, self._bar_px() + 3 + QFontMetrics(self._font()).height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        theme = self.look.theme
        painter.setFont(self._font())
        if self._stretches:
            painter.setClipPath(_rounded(QRectF(0, 0, self.width(), self._bar_px())))
            for part, left, right in self._placed():
                self._paint_part(painter, part.tier, QRect(left, 0, right - left, self._bar_px()))
            painter.setClipping(False)
        else:
            painter.fillRect(0, self._bar_px() // 2, self.width(), 1, QColor(theme.line))
        self._paint_ends(painter, theme)
        if self.hasFocus():
            painter.setPen(QColor(theme.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _placed(self) -> list[tuple[Stretch, int, int]]:
        """Stretches with their left and right edges in pixels; a gap between two."""
        first, last = self._stretches[0].from_s, self._stretches[-1].to_s
        span = max(1e-9, last - first)
        edges = [round((part.from_s - first) / span * self.width()) for part in self._stretches] + [self.width()]
        return [
            (part, left, right - (_GAP_PX if right < self.width() else 0))
            for part, (left, right) in zip(self._stretches, pairwise(edges), strict=True)
        ]

    def _paint_part(self, painter: QPainter, tier: Tier, box: QRect) -> None:
        theme = self.look.theme
        color = tier_color(theme, tier)
        painter.fillRect(box, QColor(color))
        if box.width() >= painter.fontMetrics().horizontalAdvance(tier.label) + 8:
            painter.setPen(QColor(ink_on(color)))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, tier.label)
        elif box.width() >= _TEXTURED_FROM_PX:
            painter.fillRect(box, texture(color, TIER_TEXTURES[tier], theme))

    def _paint_ends(self, painter: QPainter, theme: Theme) -> None:
        painter.setPen(QColor(readable(theme.faint, theme.raised)))
        below = QRect(0, self._bar_px() + 2, self.width(), painter.fontMetrics().height())
        if self._stretches:
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft, _clock(self._stretches[0].from_s))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, tr("now"))

    def _bar_px(self) -> int:
        """High enough for the names in it."""
        return max(_LEAST_BAR_PX, QFontMetrics(self._font()).height() + 1)

    def _font(self) -> QFont:
        font = figures_font(self.look.font)
        font.setPixelSize(self.look.theme.px(CAPTION_PX - 1))
        return font


def _clock(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s):%H:%M}"


def _rounded(box: QRectF) -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(box, 3, 3)
    return path
