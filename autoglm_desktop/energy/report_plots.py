"""The plots of a report: tiers, charge, temperatures, watts, rates, and what a policy trades for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.scenario import Scenario, clock_text
from autoglm_desktop.energy.scenario_result import Result, Sample
from autoglm_desktop.energy.svg import DASHES, Axis, Plot

PARTS = ("idle", "screen", "radio", "decode", "prefill", "vision", "speech", "loading")
_STACKED_LINES = 240


def part_names() -> dict[str, str]:
    """What a part of the power is called."""
    return {
        "idle": tr("Idle"),
        "screen": tr("Screen"),
        "radio": tr("Radio"),
        "decode": tr("Decoding"),
        "prefill": tr("Prompts"),
        "vision": tr("Images"),
        "speech": tr("Speech"),
        "loading": tr("Loading weights"),
    }


def all_plots(scenario: Scenario, results: Sequence[Result]) -> list[str]:
    """SVG texts in the order of the report."""
    course = [
        _ribbons(scenario, results),
        _lines(scenario, results, tr("Battery"), "%", lambda s: 100.0 * s.soc, zero=True),
        _lines(scenario, results, tr("Skin"), "°C", lambda s: s.skin_temp_c),
        _lines(scenario, results, tr("SoC temperature"), "°C", lambda s: s.soc_temp_c),
        _lines(scenario, results, tr("Power"), "W", lambda s: s.power_w, zero=True),
        _lines(scenario, results, tr("Decoding rate"), "tok/s", lambda s: s.tok_s, zero=True),
    ]
    return [*course, *(_stack(scenario, result) for result in results), _parts(results), trade(results)]


def _clock(scenario: Scenario) -> Axis:
    """The scenario's time as clock times, at whole hours or parts of them."""
    end = scenario.duration_s
    step = next((s for s in (300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200) if end / s <= 10), 86400)
    first = (-scenario.start.time) % step
    ticks = [first + k * step for k in range(int((end - first) // step) + 1)]
    return Axis(0.0, end, ticks, lambda t: clock_text(scenario.start.time + t))


def _lines(
    scenario: Scenario,
    results: Sequence[Result],
    title: str,
    unit: str,
    value: Callable[[Sample], float],
    *,
    zero: bool = False,
) -> str:
    every = [[(s.t_s, value(s)) for s in result.samples] for result in results]
    plot = Plot(title, _clock(scenario), Axis.over([y for line in every for _, y in line], zero=zero), y_title=unit)
    _goal(plot, scenario)
    for i, (result, points) in enumerate(zip(results, every, strict=True)):
        plot.line(result.policy, points, f"c{i % 6}", DASHES[i % 6])
    return str(plot)


def _goal(plot: Plot, scenario: Scenario) -> None:
    if scenario.goal is not None:
        name = f"{clock_text(scenario.goal.until)}, {scenario.goal.reserve_percent:g} %"
        plot.upright(scenario.goal.until - scenario.start.time, name)


def _ribbons(scenario: Scenario, results: Sequence[Result]) -> str:
    """One band per policy: the tier, and nothing while the phone is off."""
    rows = len(results)
    names = [result.policy for result in reversed(results)]
    y = Axis(0.0, float(rows), [k + 0.5 for k in range(rows)], lambda v: names[int(v)])
    plot = Plot(tr("Tier"), _clock(scenario), y, height=66.0 + 24.0 * rows)
    for row, result in enumerate(reversed(results)):
        for begin, end, tier in bands(result.samples):
            plot.box((begin, end), (row + 0.18, row + 0.82), tier or "off", tier.upper() or tr("off"))
    for tier in Tier:
        plot.entry(tier.label, tier.value)
    plot.entry(tr("off"), "off")
    _goal(plot, scenario)
    return str(plot)


def bands(samples: Sequence[Sample]) -> list[tuple[float, float, str]]:
    """Stretches of one tier: begin, end (seconds), tier, which is empty while the phone is off."""
    found: list[tuple[float, float, str]] = []
    before = 0.0
    for sample in samples:
        tier = "" if sample.down else sample.tier
        if found and found[-1][2] == tier:
            found[-1] = (found[-1][0], sample.t_s, tier)
        else:
            found.append((before, sample.t_s, tier))
        before = sample.t_s
    return found


def _stack(scenario: Scenario, result: Result) -> str:
    """Watts by part, as means over stretches of the scenario."""
    names = part_names()
    lines = merged(result.samples, _STACKED_LINES)
    xs = [t for begin, end, _ in lines for t in (begin, end)]
    layers = [
        (names[part], [w[i] for _, _, w in lines for _ in range(2)], f"part-{part}") for i, part in enumerate(PARTS)
    ]
    used = [layer for layer in layers if max(layer[1], default=0.0) > 0.0]
    y = Axis.over([sum(w) for _, _, w in lines], zero=True)
    plot = Plot(tr("Power by part: {policy}", policy=result.policy), _clock(scenario), y, height=190.0, y_title="W")
    plot.areas(xs, used)
    _goal(plot, scenario)
    return str(plot)


def merged(samples: Sequence[Sample], most: int) -> list[tuple[float, float, list[float]]]:
    """At most about `most` stretches: begin, end, mean watts by part."""
    group = max(1, -(-len(samples) // most))
    edges = [0.0, *(s.t_s for s in samples)]
    lengths = [b - a for a, b in pairwise(edges)]
    found = []
    for i in range(0, len(samples), group):
        part, spans = samples[i : i + group], lengths[i : i + group]
        total = sum(spans)
        watts = [sum(getattr(s, f"{p}_w") * d for s, d in zip(part, spans, strict=True)) / total for p in PARTS]
        found.append((edges[i], edges[i] + total, watts))
    return found


def _parts(results: Sequence[Result]) -> str:
    """Watt-hours by part, a bar per policy."""
    names, rows = part_names(), len(results)
    labels = [result.policy for result in reversed(results)]
    x = Axis.over([result.figures["energy_wh"] for result in results], zero=True)
    y = Axis(0.0, float(rows), [k + 0.5 for k in range(rows)], lambda v: labels[int(v)])
    plot = Plot(tr("Energy by part"), x, y, height=66.0 + 24.0 * rows, x_title="Wh")
    for row, result in enumerate(reversed(results)):
        at = 0.0
        shares = [*result.figures["energy_by_part_wh"].items(), ("losses", result.figures["losses_wh"])]
        for part, wh in shares:
            name = tr("Losses") if part == "losses" else names[part]
            plot.box((at, at + wh), (row + 0.15, row + 0.85), f"part-{part}", f"{name}: {wh:.3g} Wh")
            at += wh
    for part in PARTS:
        if any(result.figures["energy_by_part_wh"][part] > 0.0 for result in results):
            plot.entry(names[part], f"part-{part}")
    plot.entry(tr("Losses"), "part-losses")
    return str(plot)


def trade(results: Sequence[Result]) -> str:
    """Energy and latency as the two axes, quality as the size of the dot and in words: small is close to 16 bits."""
    told = [r for r in results if r.figures["joules_per_token"] is not None and r.figures["mean_latency_s"] is not None]
    x = Axis.over([r.figures["joules_per_token"] for r in told], zero=True)
    y = Axis.over([r.figures["mean_latency_s"] for r in told], zero=True)
    plot = Plot(
        tr("Energy, latency and quality"),
        x,
        y,
        height=300.0,
        x_title=tr("J per token"),
        y_title=tr("mean latency of an answer, s"),
    )
    worst = max((r.figures["quality"] or 0.0 for r in told), default=0.0)
    for i, result in enumerate(results):
        if result in told:
            kl = result.figures["quality"]
            size = 6.0 if kl is None or worst <= 0.0 else 5.0 + 11.0 * (kl / worst) ** 0.5
            words = tr("quality not measured") if kl is None else f"KL {kl:.3g}"
            joules, latency = result.figures["joules_per_token"], result.figures["mean_latency_s"]
            plot.dot(joules, latency, size, f"c{i % 6}", f"{result.policy} ({words})")
    return str(plot)
