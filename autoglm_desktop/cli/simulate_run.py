"""``simulate run``: a scenario under several policies, as a table, as JSON, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from autoglm_desktop.core import i18n
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.quality_figures import load_quality
from autoglm_desktop.energy.report import runs_object, table_headings, table_row, write_report
from autoglm_desktop.energy.scenario import Scenario
from autoglm_desktop.energy.scenario_files import load_scenario
from autoglm_desktop.energy.scenario_result import Result
from autoglm_desktop.energy.scenario_run import run_scenario
from autoglm_desktop.energy.verdict import paragraph, verdicts

from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_table, print_text, tell
from .progress import fraction_progress

ScenarioArgument = Annotated[str, typer.Argument(metavar="SCENARIO", help="Name of a scenario, or a .toml file.")]
PhoneOption = Annotated[str | None, typer.Option("--phone", metavar="ID", help="The phone, instead of the scenario's.")]
PolicyOption = Annotated[list[Policy] | None, typer.Option("--policy", help="Only this policy; may be given again.")]
ReportOption = Annotated[Path | None, typer.Option("--report", metavar="DIR", help="Folder for HTML, CSV and JSON.")]


def run(
    typer_context: typer.Context,
    scenario: ScenarioArgument,
    *,
    phone: PhoneOption = None,
    policy: PolicyOption = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Instead of the scenario's.")] = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Run a battery scenario under several policies and compare them."""
    context = begin(typer_context, data_dir, log_level, language)
    chosen = load_scenario(scenario, context.paths.scenarios)
    profile = load_profile(phone or chosen.phone, context.paths.phones)
    quality = load_quality(context.paths.data_dir, context.settings.model_id)
    policies = tuple(dict.fromkeys(policy or Policy))
    results = []
    with fraction_progress(tr("Simulating {name}…", name=chosen.name.of(i18n.language()))) as show:
        for done, each in enumerate(policies, 1):
            results.append(run_scenario(chosen, profile, each, seed=seed, quality=quality))
            show(done / len(policies))
    if report is not None:
        tell(tr("The report is in {path}.", path=str(write_report(report, chosen, profile, results))))
    if as_json:
        print_json(runs_object(chosen, profile, results))
        return
    _show(chosen, profile.name, results)


def _show(scenario: Scenario, phone: str, results: Sequence[Result]) -> None:
    print_text(tr("{scenario} on {phone}, simulated", scenario=scenario.name.of(i18n.language()), phone=phone))
    print_table(table_headings(), [table_row(result, scenario) for result in results])
    for sentences in verdicts(results):
        print_text(paragraph(sentences))
