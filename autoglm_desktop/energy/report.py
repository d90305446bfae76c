"""The report of a comparison: one HTML file that needs nothing else, and every series as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import atomic_write
from autoglm_desktop.core.i18n import language, msg, tr
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.report_plots import all_plots
from autoglm_desktop.energy.scenario import Scenario, clock_text
from autoglm_desktop.energy.scenario_result import Answer, Result, Sample
from autoglm_desktop.energy.verdict import paragraph, verdicts

TEMPLATE = "report/scenario.html.j2"


def runs_object(scenario: Scenario, profile: Profile, results: Sequence[Result]) -> dict[str, Any]:
    """The JSON object of ``simulate run``."""
    return {
        "scenario": scenario.id,
        "phone": profile.id,
        "label": "simulated",
        "seed": results[0].seed,
        "runs": [{"policy": result.policy, **result.figures} for result in results],
    }


def write_report(folder: Path, scenario: Scenario, profile: Profile, results: Sequence[Result]) -> Path:
    """Write ``report.html``, ``runs.json``, ``series.json`` and two CSV files per policy; returns the HTML file.

    In the current language. Each file appears whole or not at all. Raises AppError NOT_WRITABLE.
    """
    files = {
        "runs.json": _json(runs_object(scenario, profile, results)),
        "series.json": _json(_series(scenario, profile, results)),
    }
    for result in results:
        files[f"series-{result.policy}.csv"] = csv_text(Sample._fields, result.samples)
        files[f"answers-{result.policy}.csv"] = csv_text(Answer._fields, result.answers)
    files["report.html"] = render(scenario, profile, results)
    write_files(folder, files)
    return folder / "report.html"


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Put texts into a folder that is made where missing. Raises AppError NOT_WRITABLE."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            atomic_write(folder / name, text.encode(), private=False)
    except OSError as error:
        raise AppError(
            ErrorCode.NOT_WRITABLE,
            msg("The report cannot be written to {folder}: {reason}.", folder=str(folder), reason=_reason(error)),
            msg("Choose a folder that you may write to and that has room."),
            details=str(error),
        ) from error


def render(scenario: Scenario, profile: Profile, results: Sequence[Result]) -> str:
    """The HTML page. What comes from files is escaped by the template."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(resource(TEMPLATE).read_text(encoding="utf-8"))
    return page.render(
        language=language().replace("_", "-"),
        title=scenario.name.of(language()),
        description=scenario.description.of(language()),
        facts=_facts(scenario, profile, results),
        label=tr("simulated"),
        headings=table_headings(),
        rows=[table_row(result, scenario) for result in results],
        verdicts=[paragraph(sentences) for sentences in verdicts(results)],
        verdict_heading=tr("Verdict"),
        changes_heading=tr("Decisions"),
        changes=[(result.policy, _changes(result, scenario)) for result in results],
        plots=[Markup(svg) for svg in all_plots(scenario, results)],  # noqa: S704 - svg.py escapes every text
        note=_note(results),
    )


def _facts(scenario: Scenario, profile: Profile, results: Sequence[Result]) -> str:
    begin, end = clock_text(scenario.start.time), clock_text(scenario.end)
    return tr(
        "{phone}, {model}; {begin} to {end} ({hours:.1f} h), from {percent:.0f} %; seed {seed}",
        phone=profile.name,
        model=profile.model.name,
        begin=begin,
        end=end,
        hours=scenario.duration_s / 3600.0,
        percent=scenario.start.battery_percent,
        seed=results[0].seed,
    )


def table_headings() -> list[str]:
    """Of the columns that `table_row` fills."""
    return [
        tr("Policy"),
        tr("Lasts"),
        tr("Goal"),
        tr("Answers"),
        tr("Tokens"),
        tr("J per token"),
        tr("Energy"),
        tr("Tokens per 1 %"),
        tr("Latency, mean / p95"),
        tr("Hottest skin / SoC"),
        tr("Throttled"),
        tr("Switches"),
        tr("Quality (KL)"),
    ]


def table_row(result: Result, scenario: Scenario) -> list[str]:
    """A policy's line of the comparison, for people."""
    f = result.figures
    off = f["went_off_s"]
    lasting = tr("to the end") if off is None else clock_text(scenario.start.time + off)
    met = f["goal_met"]
    goal = "–" if met is None else (tr("✓ met") if met else tr("✗ missed"))
    answers = f"{f['answered']} / {f['turns']}"
    return [
        result.policy,
        lasting,
        goal,
        answers,
        f"{f['tokens']:,.0f}",
        number(f["joules_per_token"], "{:.3f} J"),
        f"{f['energy_wh']:.2f} Wh",
        number(f["tokens_per_percent"], "{:,.0f}"),
        f"{number(f['mean_latency_s'], '{:.1f}')} / {number(f['p95_latency_s'], '{:.1f} s')}",
        f"{f['max_skin_temp_c']:.1f} / {f['max_soc_temp_c']:.1f} °C",
        f"{f['throttled_s'] / 60.0:.0f} min",
        str(f["switches"]),
        tr("not measured") if f["quality"] is None else f"{f['quality']:.4f}",
    ]


def _changes(result: Result, scenario: Scenario) -> list[str]:
    return [f"{clock_text(scenario.start.time + change.t_s)}  {change.reason}" for change in result.changes]


def _note(results: Sequence[Result]) -> str:
    model = results[0].figures["quality_model"]
    if model is None:
        return tr("Quality is not measured on this computer yet: autoglm-desktop bench measures it.")
    return tr("Quality: KL divergence from the 16-bit weights in nats, measured on {model} by bench.", model=model)


def number(value: float | None, pattern: str) -> str:
    """A figure for people; a dash for none."""
    return "–" if value is None else pattern.format(value)


def _series(scenario: Scenario, profile: Profile, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "scenario": scenario.id,
        "phone": profile.id,
        "start_s": scenario.start.time,
        "columns": list(Sample._fields),
        "answer_columns": list(Answer._fields),
        "policies": {
            result.policy: {
                "series": [list(sample) for sample in result.samples],
                "answers": [list(answer) for answer in result.answers],
                "changes": [[change.t_s, change.tier, str(change.reason)] for change in result.changes],
            }
            for result in results
        },
    }


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows below their headings; numbers to nine digits, None as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([f"{x:.9g}" if isinstance(x, float) else x for x in row] for row in rows)
    return text.getvalue()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")
