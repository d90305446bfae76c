"""The simulated phone as a visitor sees and drags it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergySeries, EnergyView
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.policies import guide_tier
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.energy import words
from autoglm_desktop.ui.energy.feed import Viewer
from autoglm_desktop.ui.energy.slider import LevelSlider
from autoglm_desktop.ui.style import Theme, tier_color
from autoglm_desktop.ui.widgets.parts import describe, label

_SPAN_S, _BINS = 120.0, 60
_WIDTH_PX, _BEZEL_PX, _RADIUS_PX = 360, 10, 44


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """What the card shows of a phone: 0 to 1, seconds, watts, °C, joules. `watts` are means, oldest first."""

    soc: float
    tier: Tier
    left_s: float | None
    mean_w: float
    junction_c: float
    skin_c: float
    joules_per_token: float | None
    watts: NDArray[np.float64]
    told: str = ""


def face_of(view: EnergyView, series: EnergySeries) -> Face:
    """The live phone."""
    snapshot, turn = view.snapshot, view.last_turn
    spent = turn.phone.value if turn is not None and turn.tokens else None
    return Face(
        snapshot.state.soc,
        view.decision.tier,
        snapshot.time_to_empty_s,
        snapshot.mean_w,
        snapshot.state.junction_c,
        snapshot.state.body_c,
        spent / turn.tokens if turn is not None and spent is not None else None,
        _binned(series.time_s, series.cell_w),
        str(view.decision.reasons[0]) if view.decision.reasons else "",
    )


def _binned(time_s: NDArray[np.float64], watts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over two seconds each."""
    if not len(time_s):
        return np.zeros(0)
    bins = np.clip(((time_s - time_s[-1] + _SPAN_S) / _SPAN_S * _BINS).astype(int), 0, _BINS - 1)
    sums, counts = np.bincount(bins, np.maximum(watts, 0.0), _BINS), np.bincount(bins, minlength=_BINS)
    return np.divide(sums, counts, out=np.zeros(_BINS), where=counts > 0)


class PhoneCard(Viewer):
    """`level_chosen` with 0 to 1."""

    level_chosen = Signal(float)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setFixedWidth(_WIDTH_PX)
        self.level, self.tier = label("kioskValue"), label("kioskValue")
        self.left, self.left_name = label("kioskBig"), label("kioskName")
        self.slider = LevelSlider(look, 0, 100, marks=(30, 70), fill=_level_color)
        self.slider.setMinimumHeight(44)
        self.plot = Sparkline(look)
        self._names, self._values = [label("kioskName") for _ in range(4)], [label("kioskValue") for _ in range(4)]
        self.told = label("kioskName", wrap=True)
        self._service: EnergyService | None = None
        self._lay_out()
        self.slider.chosen.connect(lambda percent: self.level_chosen.emit(percent / 100.0))
        self.settle()

    def follow(self, service: EnergyService) -> None:
        self._service = service
        super().follow(service)

    def retranslate(self) -> None:
        describe(self.slider, tr("Battery of the simulated phone"))
        self.left_name.setText(tr("left to use · simulated"))
        for name, text in zip(self._names, _names(), strict=True):
            name.setText(text)

    def show_view(self, view: EnergyView) -> None:
        if self._service is not None:
            self.show_face(face_of(view, self._service.series(_SPAN_S)))

    def show_face(self, face: Face) -> None:
        """Draw the phone as it is, or as a scenario has it."""
        self.slider.show_level(100.0 * face.soc)
        color = tier_color(self.look.theme, face.tier)
        _say(self.level, f"{words.percent(face.soc)} %")
        _say(self.tier, face.tier.label)
        self.tier.setStyleSheet(f"color: {color}")
        _say(self.left, words.span(face.left_s))
        values = (
            f"{words.watts(face.mean_w)} W",
            f"{words.number(face.junction_c)} °C",
            f"{words.number(face.skin_c, 1)} °C",
            words.joules(face.joules_per_token),
        )
        for name, value, shown in zip(self._names, self._values, values, strict=True):
            _say(value, shown)
            describe(value, f"{name.text()}: {shown}")
        _say(self.told, face.told)
        self.plot.show_watts(face.watts, color)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self.look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = painter.pen()
        pen.setColor(QColor(theme.line))
        pen.setWidth(_BEZEL_PX)
        painter.setPen(pen)
        painter.setBrush(QColor(theme.background))
        half = _BEZEL_PX / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(half, half, -half, -half), _RADIUS_PX, _RADIUS_PX)
        painter.end()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(34, 28, 34, 28)
        column.setSpacing(6)
        top = QHBoxLayout()
        top.addWidget(self.level)
        top.addStretch()
        top.addWidget(self.tier)
        column.addLayout(top)
        column.addWidget(self.slider)
        column.addWidget(self.left)
        column.addWidget(self.left_name)
        column.addWidget(self.plot, 1)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        for n, (name, value) in enumerate(zip(self._names, self._values, strict=True)):
            row, place = divmod(n, 2)
            grid.addWidget(name, 2 * row, place)
            grid.addWidget(value, 2 * row + 1, place)
        column.addLayout(grid)
        column.addWidget(self.told)


class Sparkline(QWidget):
    """The watts of the last two minutes as one area. A picture: its figure stands below it."""

    def __init__(self, look: Appearance) -> None:
        super().__init__()
        self._look, self._color = look, look.theme.accent
        self._watts: NDArray[np.float64] = np.zeros(0)
        self.setMinimumHeight(90)

    def show_watts(self, watts: NDArray[np.float64], color: str) -> None:
        """Values at equal distances, the newest on the right."""
        self._color, self._watts = color, watts
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if len(self._watts) < 2:
            return
        wide, high = self.width() / (len(self._watts) - 1), self.height() - 2.0
        top = max(4.0, float(self._watts.max()) * 1.1)
        points = [QPointF(n * wide, high * (1.0 - float(value) / top)) for n, value in enumerate(self._watts)]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._color))
        painter.drawPolygon(QPolygonF([QPointF(0.0, high + 2), *points, QPointF(self.width(), high + 2)]))
        painter.end()


def _names() -> tuple[str, ...]:
    return tr("Power"), tr("Processor"), tr("Body"), tr("Each token")


def _level_color(theme: Theme, percent: int) -> str:
    return tier_color(theme, guide_tier(percent / 100.0))


def _say(where: QLabel, text: str) -> None:
    if where.text() != text:
        where.setText(text)
