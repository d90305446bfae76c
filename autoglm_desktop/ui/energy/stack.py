"""Watts by component over the last seconds, in bins that a plot can draw: numbers only, no Qt.

Each sample holds the mean watts since the sample before, so energy is exact: a bin's watts are the energy between its
edges over its width, whatever the samples' distance. Time that no sample covers (the service slept, the computer was
suspended) is a gap of zero watts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoglm_desktop.assistant.energy_view import EnergySeries

COMPONENTS = ("idle", "screen", "radio", "loading", "speech", "vision", "prefill", "decode")
"""From the bottom of the stack to its top."""
MAX_GAP_S = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """`watts` has one row per component and one column per bin; `edges_s` are seconds from now, below or at 0."""

    edges_s: NDArray[np.float64]
    watts: NDArray[np.float64]

    @property
    def peak_w(self) -> float:
        """The highest sum of all components."""
        return float(self.watts.sum(axis=0).max()) if self.watts.size else 0.0

    @property
    def present(self) -> tuple[str, ...]:
        """Components with any watts, from bottom to top."""
        return tuple(name for name, row in zip(COMPONENTS, self.watts, strict=True) if float(row.max()) > 0.0)


def stack(series: EnergySeries, span_s: float, bins: int) -> Stack:
    """The last `span_s` seconds before the newest sample in `bins` bins of one width.

    Bins lie on a fixed grid of time, so a bin that is complete looks the same in every later call. Values that are not
    finite count as zero.
    """
    width = span_s / bins
    times = series.time_s
    if times.size < 2:
        edges = np.linspace(-span_s, 0.0, bins + 1)
        return Stack(edges, np.zeros((len(COMPONENTS), bins)))
    last = np.floor(times[-1] / width) * width
    edges = last + width * np.arange(-bins, 1)
    recent = slice(max(0, int(times.searchsorted(edges[0])) - 1), None)
    times = times[recent]
    steps = np.diff(times, prepend=times[0])
    covered = np.where((steps > 0.0) & (steps <= MAX_GAP_S), steps, 0.0)
    rows = [_row(getattr(series, f"{name}_w")[recent], covered, times, edges, width) for name in COMPONENTS]
    return Stack(edges - last, np.stack(rows))


def _row(
    watts: NDArray[np.float64],
    covered: NDArray[np.float64],
    times: NDArray[np.float64],
    edges: NDArray[np.float64],
    width: float,
) -> NDArray[np.float64]:
    if not watts.any():
        return np.zeros(len(edges) - 1)
    energy = np.cumsum(np.nan_to_num(watts, nan=0.0, posinf=0.0, neginf=0.0) * covered)
    row: NDArray[np.float64] = np.maximum(0.0, np.diff(np.interp(edges, times, energy)) / width)
    return row


def nice_ceiling(peak: float) -> float:
    """The end of the axis: 1, 2, 3, 4, 5, 6 or 8 times a power of ten, at or above `peak`, at least 1."""
    if not peak > 1.0:
        return 1.0
    power = 10.0 ** floor(log10(peak))
    share = peak / power
    step = next((s for s in (1, 2, 3, 4, 5, 6, 8) if share <= s), 10)
    return float(step * power)


def ticks(ceiling: float) -> tuple[float, ...]:
    """Two or three values for lines across the plot, above 0, the ceiling among them."""
    for parts in (2, 3):
        value = ceiling / parts
        if value >= 1.0 and abs(value - round(value)) < 1e-9:
            return tuple(value * k for k in range(1, parts + 1))
    return (ceiling / 2.0, ceiling)
