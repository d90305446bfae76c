"""Figures of the panel: words, bins of the plot, stretches of the ribbon."""

from __future__ import annotations

from dataclasses import fields
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.assistant.energy_view import EnergySeries
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui.energy import words
from autoglm_desktop.ui.energy.ribbon import stretches
from autoglm_desktop.ui.energy.stack import COMPONENTS, nice_ceiling, stack, ticks


def series(times: list[float], **columns: list[float]) -> EnergySeries:
    """A series whose columns are zero where nothing is said."""
    names = [field.name for field in fields(EnergySeries)]
    made = {name: np.asarray(columns.get(name, [0.0] * len(times)), dtype=np.float64) for name in names}
    return EnergySeries(**{**made, "time_s": np.asarray(times, dtype=np.float64)})


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (nan, "–"), (inf, "–"), (1e300, "–"), (0.0, "0.00"), (-0.001, "0.00"), (0.31, "0.31"), (3.24, "3.2")],
)
def test_watts(value: float | None, text: str) -> None:
    assert words.watts(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "– J"), (0.612, "0.61 J"), (4.06, "4.1 J"), (812.4, "812 J"), (1320.0, "1.32 kJ"), (-inf, "– J")],
)
def test_joules(value: float | None, text: str) -> None:
    assert words.joules(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.004, "<1"), (0.295, "30"), (1.0, "100"), (nan, "–"), (None, "–")],
)
def test_percent(value: float | None, text: str) -> None:
    assert words.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (-1.0, "–"),
        (inf, "–"),
        (59.0, "under 1 min"),
        (600.0, "10 min"),
        (9660.0, "2 h 41 min"),
        (200_000.0, "2.3 days"),
    ],
)
def test_spans(value: float | None, text: str) -> None:
    assert words.span(value) == text


@given(
    st.lists(st.tuples(st.floats(0.02, 2.5), st.floats(0.0, 12.0)), min_size=2, max_size=80),
    st.integers(10, 200),
)
def test_no_energy_is_lost_in_bins(samples: list[tuple[float, float]], bins: int) -> None:
    """The sum of the bins is the energy between the first and the last edge, wherever the samples lie."""
    times = list(np.cumsum([step for step, _ in samples]) + 1000.0)
    watts = [w for _, w in samples]
    span = (times[-1] - times[0]) * 1.5 + 1.0
    made = stack(series(times, decode_w=watts), span, bins)
    width = span / bins
    row = made.watts[COMPONENTS.index("decode")]
    end = np.floor(times[-1] / width) * width
    cumulated = np.cumsum([0.0, *(w * (b - a) for w, a, b in zip(watts[1:], times, times[1:], strict=False))])
    expected = np.interp(end, times, cumulated)
    assert float(row.sum() * width) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)
    assert float(row.min()) >= 0.0
    assert float(row.max()) <= max(watts) + 1e-6


def test_time_that_no_sample_covers_is_a_gap() -> None:
    times = [1000.0, 1001.0, 1002.0, 1030.0, 1031.0]
    made = stack(series(times, idle_w=[1.0] * 5), 40.0, 40)
    assert float(made.watts.sum()) == pytest.approx(3.0)
    assert made.present == ("idle",)


def test_a_complete_bin_never_changes() -> None:
    """Bins lie on a fixed grid: what was drawn moves to the left and stays as it is."""
    times = list(np.arange(1000.0, 1010.0, 0.1))
    watts = list(np.sin(times) + 1.0)
    early = stack(series(times[:80], decode_w=watts[:80]), 5.0, 25)
    late = stack(series(times, decode_w=watts), 5.0, 25)
    moved = round(np.floor(times[-1] / 0.2) - np.floor(times[79] / 0.2))
    row = COMPONENTS.index("decode")
    assert early.watts[row][moved:] == pytest.approx(late.watts[row][:-moved])


def test_a_short_or_broken_series_is_an_empty_plot() -> None:
    for made in (
        stack(series([]), 60.0, 10),
        stack(series([5.0]), 60.0, 10),
        stack(series([5.0, 6.0], decode_w=[nan, inf]), 60.0, 10),
    ):
        assert made.peak_w == 0.0
        assert made.present == ()


@given(st.floats(0.0, 1e6))
def test_the_axis_holds_the_peak_and_is_not_far_above(peak: float) -> None:
    ceiling = nice_ceiling(peak)
    assert peak <= ceiling * (1.0 + 1e-12)
    assert ceiling <= max(1.0, 2.0 * peak)
    assert ticks(ceiling)[-1] == ceiling
    assert len(ticks(ceiling)) in (2, 3)


def test_stretches_of_tiers() -> None:
    order = list(Tier)
    tiers = [Tier.FP16, Tier.FP16, Tier.INT8, Tier.INT4, Tier.INT4]
    made = stretches(series([0.0, 1.0, 2.0, 3.0, 4.0], tier=[float(order.index(tier)) for tier in tiers]))
    assert [(part.tier, part.from_s, part.to_s) for part in made] == [
        (Tier.FP16, 0.0, 2.0),
        (Tier.INT8, 2.0, 3.0),
        (Tier.INT4, 3.0, 4.0),
    ]
    assert stretches(series([0.0])) == ()
    assert stretches(series([0.0, 1.0], tier=[nan, 7.0]))  # a broken tier must not cost the ribbon
