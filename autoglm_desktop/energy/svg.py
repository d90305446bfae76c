"""A small writer of plots as inline SVG: lines, ribbons, stacked areas and points over one or two axes.

Every text is escaped, colours are CSS classes of the page (``c0`` … ``c5``, tiers by name), lines differ in dash as
well as in colour, and nothing refers to anything outside of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, log10

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 860.0, 62.0, 16.0, 26.0, 30.0
MAX_POINTS = 700
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")
Point = tuple[float, float]


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(power * m for m in (1.0, 2.0, 2.5, 5.0, 10.0) if power * m >= raw * 0.999)
    first = -int(-low / step // 1)
    ticks = []
    while first * step <= high + 1e-9 * step:
        ticks.append(first * step)
        first += 1
    return ticks


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values and the ticks on it."""

    low: float
    high: float
    ticks: Sequence[float]
    label: Callable[[float], str] = "{:g}".format

    @staticmethod
    def over(values: Sequence[float], *, zero: bool = False, label: Callable[[float], str] = "{:g}".format) -> Axis:
        """A range that holds `values`, from 0 when `zero`."""
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        low = min(0.0, low) if zero else low
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        ticks = nice_ticks(low, high)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
        low, high = min(low, floor(low / step) * step), max(high, -floor(-high / step) * step)
        return Axis(low, high, nice_ticks(low, high), label)

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5


@dataclass(slots=True)
class Plot:
    """One plot; build it with its methods, then `str()` it."""

    title: str
    x: Axis
    y: Axis
    height: float = 230.0
    y_title: str = ""
    x_title: str = ""
    _marks: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str, str]] = field(default_factory=list)
    _names_at: list[Point] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Coordinates in the picture."""
        inner_w, inner_h = WIDTH - LEFT - RIGHT, self.height - TOP - BOTTOM
        return LEFT + inner_w * self.x.share(x), TOP + inner_h * (1.0 - self.y.share(y))

    def line(self, name: str, points: Sequence[Point], css: str, dash: str = "") -> None:
        """A line through `points`."""
        drawn = " ".join("{:.1f},{:.1f}".format(*self.at(x, y)) for x, y in thinned(points))
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self._marks.append(f'<polyline class="line {css}" points="{drawn}"{style}/>')
        self._legend.append((name, css, dash))

    def areas(self, xs: Sequence[float], layers: Sequence[tuple[str, Sequence[float], str]]) -> None:
        """Layers of (name, values, class) stacked upon one another."""
        below = [0.0] * len(xs)
        for name, values, css in layers:
            above = [a + b for a, b in zip(below, values, strict=True)]
            edge = [*zip(xs, above, strict=True), *reversed(list(zip(xs, below, strict=True)))]
            drawn = " ".join("{:.1f},{:.1f}".format(*self.at(x, y)) for x, y in edge)
            self._marks.append(f'<polygon class="area {css}" points="{drawn}"><title>{escape(name)}</title></polygon>')
            self._legend.append((name, css, "area"))
            below = above

    def box(self, x: Point, y: Point, css: str, name: str = "") -> None:
        """A filled rectangle over the ranges `x` and `y`, for ribbons and bars."""
        (left, bottom), (right, top) = self.at(x[0], y[0]), self.at(x[1], y[1])
        title = f"<title>{escape(name)}</title>" if name else ""
        self._marks.append(
            f'<rect class="area {css}" x="{left:.1f}" y="{top:.1f}" width="{max(0.0, right - left):.1f}" '
            f'height="{max(0.0, bottom - top):.1f}">{title}</rect>'
        )

    def dot(self, x: float, y: float, radius: float, css: str, name: str) -> None:
        """A circle with its name beside it, lower where another dot's name is in the way."""
        cx, cy = self.at(x, y)
        name_y = cy
        while any(abs(cx - px) < 260.0 and abs(name_y - py) < 14.0 for px, py in self._names_at):
            name_y += 14.0
        self._names_at.append((cx, name_y))
        anchor, dx = ("end", -radius - 4.0) if self.x.share(x) > 0.75 else ("start", radius + 4.0)
        self._marks.append(
            f'<circle class="dot {css}" cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}"/>'
            f'<text x="{cx + dx:.1f}" y="{name_y + 4.0:.1f}" text-anchor="{anchor}">{escape(name)}</text>'
        )

    def text(self, x: float, y: float, words: str) -> None:
        px, py = self.at(x, y)
        self._marks.append(f'<text x="{px:.1f}" y="{py:.1f}">{escape(words)}</text>')

    def upright(self, x: float, name: str) -> None:
        """A dashed line at `x`."""
        px, bottom = self.at(x, self.y.low)
        self._marks.append(
            f'<line class="goal" x1="{px:.1f}" x2="{px:.1f}" y1="{TOP:.1f}" y2="{bottom:.1f}"/>'
            f'<text class="goal-name" x="{px - 4.0:.1f}" y="{TOP - 4.0:.1f}" text-anchor="end">{escape(name)}</text>'
        )

    def entry(self, name: str, css: str) -> None:
        """A line of the legend for boxes."""
        self._legend.append((name, css, "area"))

    def __str__(self) -> str:
        rows = -(-len(self._legend) // 6)
        total = self.height + 18.0 * rows + (16.0 if self.x_title else 0.0)
        return (
            f'<svg viewBox="0 0 {WIDTH:.0f} {total:.0f}" role="img" aria-label="{escape(self.title, quote=True)}">'
            f'<text class="title" x="{LEFT:.0f}" y="14">{escape(self.title)}</text>'
            f"{self._grid()}{''.join(self._marks)}{self._names(total)}</svg>"
        )

    def _grid(self) -> str:
        parts = []
        for tick in self.y.ticks:
            px, py = self.at(self.x.low, tick)
            label = escape(self.y.label(tick))
            parts.append(f'<line class="grid" x1="{px:.1f}" x2="{WIDTH - RIGHT:.1f}" y1="{py:.1f}" y2="{py:.1f}"/>')
            parts.append(f'<text class="tick" x="{px - 6.0:.1f}" y="{py + 4.0:.1f}" text-anchor="end">{label}</text>')
        for tick in self.x.ticks:
            px, py = self.at(tick, self.y.low)
            label = escape(self.x.label(tick))
            parts.append(f'<text class="tick" x="{px:.1f}" y="{py + 16.0:.1f}" text-anchor="middle">{label}</text>')
        if self.y_title:
            parts.append(
                f'<text class="tick" x="{WIDTH - RIGHT:.0f}" y="14" text-anchor="end">{escape(self.y_title)}</text>'
            )
        if self.x_title:
            parts.append(
                f'<text class="tick" x="{WIDTH - RIGHT:.0f}" y="{self.height + 4.0:.0f}" text-anchor="end">'
                f"{escape(self.x_title)}</text>"
            )
        return "".join(parts)

    def _names(self, total: float) -> str:
        rows = -(-len(self._legend) // 6)
        parts = []
        for i, (name, css, dash) in enumerate(self._legend):
            x, y = LEFT + 130.0 * (i % 6), total - 18.0 * (rows - i // 6) + 8.0
            if dash == "area":
                parts.append(f'<rect class="area {css}" x="{x:.0f}" y="{y - 5.0:.0f}" width="18" height="10"/>')
            else:
                style = f' stroke-dasharray="{dash}"' if dash else ""
                parts.append(
                    f'<line class="line {css}" x1="{x:.0f}" x2="{x + 18.0:.0f}" y1="{y:.0f}" y2="{y:.0f}"{style}/>'
                )
            parts.append(f'<text class="tick" x="{x + 23.0:.0f}" y="{y + 4.0:.0f}">{escape(name)}</text>')
        return "".join(parts)


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most about `MAX_POINTS` points: of every stretch the lowest and the highest, in order, and both ends."""
    if len(points) <= MAX_POINTS:
        return list(points)
    stretch = -(-2 * len(points) // MAX_POINTS)
    kept = [points[0]]
    for i in range(0, len(points), stretch):
        part = points[i : i + stretch]
        low, high = min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])
        kept += sorted({low, high})
    return [*kept, points[-1]]
