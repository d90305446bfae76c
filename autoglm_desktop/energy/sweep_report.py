"""The page of a sweep: means over the seeds for every other point of the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoglm_desktop.assets import resource
from autoglm_desktop.core.i18n import language, tr
from autoglm_desktop.energy.report import number, write_files
from autoglm_desktop.energy.scenario_result import mean
from autoglm_desktop.energy.sweep import Outcome, Point

TEMPLATE = "report/sweep.html.j2"
_Figures = Mapping[str, Any]


def sweep_headings() -> list[str]:
    """Of the columns that `group_rows` fills."""
    return [
        tr("Scenario"),
        tr("Phone"),
        tr("Policy"),
        tr("Air"),
        tr("Work"),
        tr("Runs"),
        tr("Energy"),
        tr("J per token"),
        tr("Tokens per 1 %"),
        tr("Latency, mean"),
        tr("Hottest skin"),
        tr("Throttled"),
        tr("Switches"),
        tr("Goal met"),
    ]


def group_rows(points: Sequence[Point], known: Mapping[str, Outcome]) -> list[list[str]]:
    """A line for every combination but of the seeds, in the order of the grid."""
    groups: dict[tuple[object, ...], list[_Figures]] = {}
    for point in points:
        place = point.place
        at = tuple(place[name] for name in ("scenario", "phone", "policy", "ambient_c", "workload_scale"))
        groups.setdefault(at, []).append(known[point.key].figures)
    return [_line(at, figures) for at, figures in groups.items()]


def write_sweep_page(folder: Path, name: str, points: Sequence[Point], known: Mapping[str, Outcome]) -> None:
    """``sweep.html`` in the current language. Raises AppError NOT_WRITABLE."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(resource(TEMPLATE).read_text(encoding="utf-8"))
    html = page.render(
        language=language().replace("_", "-"),
        title=name,
        label=tr("simulated"),
        note=tr("{count} runs, simulated; means over the seeds", count=len(points)),
        headings=sweep_headings(),
        rows=group_rows(points, known),
    )
    write_files(folder, {"sweep.html": html})


def _line(at: tuple[object, ...], figures: Sequence[_Figures]) -> list[str]:
    scenario, phone, policy, ambient_c, scale = at
    goals = [f["goal_met"] for f in figures if f["goal_met"] is not None]
    return [
        str(scenario),
        str(phone),
        str(policy),
        tr("as planned") if ambient_c is None else f"{ambient_c:g} °C",
        f"× {scale:g}",
        str(len(figures)),
        _mean(figures, "energy_wh", "{:.2f} Wh"),
        _mean(figures, "joules_per_token", "{:.3f} J"),
        _mean(figures, "tokens_per_percent", "{:,.0f}"),
        _mean(figures, "mean_latency_s", "{:.1f} s"),
        _mean(figures, "max_skin_temp_c", "{:.1f} °C"),
        _mean(figures, "throttled_s", "{:,.0f} s"),
        _mean(figures, "switches", "{:.1f}"),
        f"{sum(goals)} / {len(goals)}" if goals else "–",
    ]


def _mean(figures: Sequence[_Figures], name: str, pattern: str) -> str:
    return number(mean([f[name] for f in figures if f[name] is not None]), pattern)
