"""``simulate sweep``: a grid of runs on this computer's cores or on a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.energy import sweep_backends
from autoglm_desktop.energy.quality_figures import load_quality
from autoglm_desktop.energy.sweep import Outcome, Point, chunks, missing, points, read_grid
from autoglm_desktop.energy.sweep_report import group_rows, sweep_headings, write_sweep_page
from autoglm_desktop.energy.sweep_store import SweepStore
from autoglm_desktop.engine.cores import physical_cores

from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_table, print_text, tell
from .progress import fraction_progress

BUNDLE = 8


@dataclass(frozen=True, slots=True)
class Account:
    """How a sweep went. `cpu_s` and `wall_s` are of the runs that were computed this time."""

    runs: int
    computed: int
    wall_s: float
    cpu_s: float

    @property
    def speed_up(self) -> float | None:
        return self.cpu_s / self.wall_s if self.computed and self.wall_s > 0.0 else None


def sweep(
    typer_context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML: scenarios, phones, policies, ambients_c, …")],
    *,
    jobs: Annotated[int | None, typer.Option("--jobs", metavar="N", min=1, max=1024, help="Processes.")] = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster.")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="DIR", help="Folder of the results.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Run every combination of a grid. An interrupted sweep goes on where it was."""
    context = begin(typer_context, data_dir, log_level, language)
    paths = context.paths
    quality = load_quality(paths.data_dir, context.settings.model_id)
    every = points(read_grid(file), own_scenarios=paths.scenarios, own_phones=paths.phones, quality=quality)
    store = SweepStore(report or paths.data_dir / "sweeps" / file.stem)
    with store.lock():
        known = store.known()
        account = _compute(store, every, known, jobs=jobs or physical_cores(), scheduler=scheduler)
        store.write_results(every, known)
        write_sweep_page(store.folder, file.stem, every, known)
    tell(_told(account, store.folder))
    if as_json:
        print_json(_object(account, store.folder, every, known))
        return
    print_text(tr("{count} runs, simulated; means over the seeds", count=len(every)))
    print_table(sweep_headings(), group_rows(every, known))


def _compute(
    store: SweepStore, every: Sequence[Point], known: dict[str, Outcome], *, jobs: int, scheduler: str | None
) -> Account:
    """Compute what is missing and put it into `known`, and into the store as it comes."""
    todo = missing(every, known)
    began, cpu_s, done = time.perf_counter(), 0.0, 0
    with fraction_progress(tr("Simulating {count} runs…", count=len(todo))) as show:
        for outcomes in _made(todo, jobs, scheduler):
            store.append(outcomes)
            known.update({outcome.key: outcome for outcome in outcomes})
            done += len(outcomes)
            cpu_s += sum(outcome.cpu_s for outcome in outcomes)
            show(done / len(todo))
    return Account(len(every), done, time.perf_counter() - began, cpu_s)


def _made(todo: Sequence[Point], jobs: int, scheduler: str | None) -> Iterator[list[Outcome]]:
    work = chunks(todo, BUNDLE)
    if scheduler is not None and work:
        return sweep_backends.on_cluster(work, scheduler)
    jobs = min(jobs, len(work))
    return sweep_backends.on_cores(work, jobs) if jobs > 1 else sweep_backends.here(work)


def _told(account: Account, folder: Path) -> str:
    if account.speed_up is None:
        return tr(
            "All {runs} runs were known already; the results are in {folder}.", runs=account.runs, folder=str(folder)
        )
    return tr(
        "{computed} of {runs} runs computed in {seconds:.1f} s, {speed_up:.2f} times as fast as one core; "
        "the results are in {folder}.",
        computed=account.computed,
        runs=account.runs,
        seconds=account.wall_s,
        speed_up=account.speed_up,
        folder=str(folder),
    )


def _object(account: Account, folder: Path, every: Sequence[Point], known: Mapping[str, Outcome]) -> dict[str, Any]:
    return {
        "runs": account.runs,
        "computed": account.computed,
        "wall_s": round(account.wall_s, 3),
        "cpu_s": round(account.cpu_s, 3),
        "speed_up": None if account.speed_up is None else round(account.speed_up, 3),
        "folder": str(folder),
        "results": [{**point.place, **known[point.key].figures} for point in every],
    }
