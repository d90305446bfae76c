"""Runs of one scenario side by side: tiers as bands, charge and skin as lines, over one axis of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.scenario import clock_text
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import SECONDARY_PX, Theme, readable, tier_color

_GUTTER_PX, _SAMPLE_PX, _RIGHT_PX, _ROW_PX, _BAND_PX, _GAP_PX, _AXIS_PX = 136, 22, 20, 26, 14, 22, 26
DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)
"""One for each policy, so that lines differ without their colours."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn: runs with their names, all over `duration_s` from `starts_s` after midnight."""

    results: tuple[Result, ...]
    names: tuple[str, ...]
    starts_s: float
    duration_s: float
    goal_s: float | None = None
    """When the goal is due, seconds after the start."""


def line_color(theme: Theme, number: int) -> str:
    """The colour of the run with this number."""
    return (theme.fp16, theme.int4, theme.int8, theme.hot)[number % 4]


class ComparePlot(QWidget):
    """A picture: its figures stand in the table below. A click moves the cursor (`on_scrub`)."""

    def __init__(self, look: Appearance) -> None:
        super().__init__()
        self._look = look
        self._drawn: Drawn | None = None
        self._at_s = 0.0
        self.on_scrub: Callable[[float], None] = _nothing
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        look.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(640, 400)

    def minimumSizeHint(self) -> QSize:
        return QSize(420, 300)

    def show_runs(self, drawn: Drawn | None) -> None:
        """Draw these runs, or nothing."""
        self._drawn = drawn
        self.update()

    def show_time(self, at_s: float) -> None:
        """Put the cursor to seconds after the start."""
        self._at_s = at_s
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._scrub(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._scrub(event)

    def _scrub(self, event: QMouseEvent) -> None:
        if self._drawn is not None:
            share = (event.position().x() - _GUTTER_PX) / max(1.0, self.width() - _GUTTER_PX - _RIGHT_PX)
            self.on_scrub(min(1.0, max(0.0, share)) * self._drawn.duration_s)

    def paintEvent(self, event: QPaintEvent) -> None:
        drawn = self._drawn
        if drawn is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self._look.font)
        font.setPixelSize(self._look.theme.px(SECONDARY_PX))
        painter.setFont(font)
        Painting(painter, self._look.theme, drawn, self.rect().toRectF()).all(self._at_s)
        painter.end()


def _nothing(_: float) -> None:
    """Nobody hears of the cursor yet."""


class Painting:
    """One drawing of the plot into a rectangle."""

    def __init__(self, painter: QPainter, theme: Theme, drawn: Drawn, box: QRectF) -> None:
        self._p, self._theme, self._drawn = painter, theme, drawn
        self._left, self._wide = box.left() + _GUTTER_PX, max(1.0, box.width() - _GUTTER_PX - _RIGHT_PX)
        bands = _ROW_PX * len(drawn.results)
        high = max(60.0, (box.height() - bands - 2 * _GAP_PX - _AXIS_PX - 8) / 2)
        self._soc = QRectF(self._left, box.top() + bands + _GAP_PX, self._wide, high)
        self._skin = self._soc.translated(0.0, high + _GAP_PX)
        self._top = box.top()

    def all(self, at_s: float) -> None:
        """Everything, the cursor last."""
        for number, result in enumerate(self._drawn.results):
            self._band(number, result)
        self._lines(self._soc, (0.0, 100.0), 50.0, _charge, lambda s: 100.0 * s.soc)
        low, high = self._skin_range()
        self._lines(self._skin, (low, high), (high - low) / 2, _body, lambda s: s.skin_temp_c)
        self._axis()
        self._goal()
        self._cursor(at_s)

    def _x(self, t_s: float) -> float:
        return self._left + t_s / self._drawn.duration_s * self._wide

    def _ink(self, color: str, width: float = 1.0, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> None:
        pen = QPen(QColor(color), width, style)
        self._p.setPen(pen)

    def _line_ink(self, number: int) -> None:
        """Of the curves of this run, and of the sample beside its name."""
        self._ink(readable(line_color(self._theme, number), self._theme.raised, least=3.0), 2.0, DASHES[number % 4])

    def _band(self, number: int, result: Result) -> None:
        y = self._top + number * _ROW_PX + (_ROW_PX - _BAND_PX) / 2
        self._ink(readable(self._theme.muted, self._theme.raised))
        room = _GUTTER_PX - _SAMPLE_PX - 18
        name = self._p.fontMetrics().elidedText(self._drawn.names[number], Qt.TextElideMode.ElideRight, room)
        self._p.drawText(QRectF(self._left - room - 12, y - 3, room, _BAND_PX + 6), _LEFT, name)
        self._line_ink(number)
        middle, start = y + _BAND_PX / 2, self._left - _GUTTER_PX
        self._p.drawLine(QPointF(start, middle), QPointF(start + _SAMPLE_PX, middle))
        self._p.setPen(Qt.PenStyle.NoPen)
        for begin, end, tier in _stretches(result, self._drawn.duration_s):
            self._p.setBrush(QColor(tier_color(self._theme, Tier(tier))))
            self._p.drawRoundedRect(
                QRectF(self._x(begin), y, max(1.0, self._x(end) - self._x(begin) - 2), _BAND_PX), 3, 3
            )
            self._ink(self._theme.raised)
            if self._x(end) - self._x(begin) > 46:
                self._p.drawText(QRectF(self._x(begin) + 6, y, 60, _BAND_PX), _LEFT, Tier(tier).label)
            self._p.setPen(Qt.PenStyle.NoPen)

    def _lines(
        self, box: QRectF, span: tuple[float, float], step: float, unit: Callable[[str], str], value: object
    ) -> None:
        low, high = span
        level = low
        while level <= high + 1e-9:
            y = box.bottom() - (level - low) / (high - low) * box.height()
            self._ink(self._theme.line)
            self._p.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            self._ink(readable(self._theme.muted, self._theme.raised))
            text = unit(f"{level:.0f}") if level + step > high + 1e-9 else f"{level:.0f}"
            self._p.drawText(QRectF(box.left() - _GUTTER_PX, y - 9, _GUTTER_PX - 12, 18), _LEFT, text)
            level += step
        for number, result in enumerate(self._drawn.results):
            off_s = result.figures["went_off_s"]
            shown = [s for s in result.samples if off_s is None or s.t_s <= off_s + 60.0]
            points = [
                QPointF(self._x(s.t_s), box.bottom() - (value(s) - low) / (high - low) * box.height())  # type: ignore[operator]
                for s in shown
            ]
            self._line_ink(number)
            self._p.drawPolyline(QPolygonF(points))

    def _skin_range(self) -> tuple[float, float]:
        values = [s.skin_temp_c for result in self._drawn.results for s in result.samples]
        low, high = min(values, default=20.0), max(values, default=40.0)
        return 5.0 * (low // 5.0), max(5.0 * -(-high // 5.0), 5.0 * (low // 5.0) + 10.0)

    def _axis(self) -> None:
        self._ink(readable(self._theme.muted, self._theme.raised))
        for n in range(5):
            t_s = self._drawn.duration_s * n / 4
            box = QRectF(self._x(t_s) - 30, self._skin.bottom() + 6, 60, 18)
            self._p.drawText(box, Qt.AlignmentFlag.AlignHCenter, clock_text(self._drawn.starts_s + t_s))

    def _goal(self) -> None:
        if self._drawn.goal_s is None:
            return
        x = self._x(self._drawn.goal_s)
        self._ink(readable(self._theme.hot, self._theme.raised), 1.0, Qt.PenStyle.DashLine)
        self._p.drawLine(QPointF(x, self._soc.top() - 6), QPointF(x, self._skin.bottom()))
        self._p.drawText(QPointF(x + 6, self._soc.top() + 4), clock_text(self._drawn.starts_s + self._drawn.goal_s))

    def _cursor(self, at_s: float) -> None:
        self._ink(self._theme.text, 1.0)
        x = self._x(min(at_s, self._drawn.duration_s))
        self._p.drawLine(QPointF(x, self._top), QPointF(x, self._skin.bottom()))


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def _charge(value: str) -> str:
    return tr("Charge {value} %", value=value)


def _body(value: str) -> str:
    return tr("Body {value} °C", value=value)


def _stretches(result: Result, duration_s: float) -> Sequence[tuple[float, float, str]]:
    """Begin, end and tier of the times between two changes, until the phone went off."""
    off_s = result.figures["went_off_s"]
    end_s = duration_s if off_s is None else float(off_s)
    first = result.samples[0].tier if result.samples else Tier.INT4.value
    marks = [(0.0, first)]
    for change in result.changes:
        if change.tier != marks[-1][1] and change.t_s < end_s:
            marks.append((change.t_s, change.tier))
    marks.append((end_s, ""))
    return [(begin, end, tier) for (begin, tier), (end, _) in pairwise(marks) if end > begin]
