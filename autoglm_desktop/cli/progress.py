"""Progress of downloads and of loading, on standard error: a bar on a terminal, a few lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.models.library import PullProgress, PullStage

from .output import as_size, stderr_console

_PLAIN_STEP = 0.25
"""Without a terminal a line is printed for every quarter."""


class PullView(Protocol):
    def __call__(self, progress: PullProgress) -> None: ...


@contextmanager
def pull_progress(name: str) -> Iterator[PullView]:
    """Shows what a pull of the model `name` does."""
    console = stderr_console()
    if not console.is_terminal:
        yield _PlainPull(name, console)
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    ) as bars:
        yield _BarPull(name, bars)


class _BarPull:
    def __init__(self, name: str, bars: Progress) -> None:
        self._name = name
        self._bars = bars
        self._stage: PullStage | None = None
        self._task = bars.add_task(name, total=None)

    def __call__(self, progress: PullProgress) -> None:
        if progress.stage is not self._stage:
            self._stage = progress.stage
            self._bars.reset(self._task, description=f"{self._name}: {stage_words(progress)}")
        self._bars.update(self._task, completed=progress.done_bytes, total=progress.total_bytes or None)


class _PlainPull:
    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._told: tuple[PullStage, int] | None = None

    def __call__(self, progress: PullProgress) -> None:
        fraction = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
        point = (progress.stage, int(fraction / _PLAIN_STEP))
        if point == self._told or progress.stage is PullStage.DONE:
            return
        self._told = point
        counted = f" {fraction:.0%} / {as_size(progress.total_bytes)}" if progress.total_bytes else ""
        self._console.print(f"{self._name}: {stage_words(progress)}{counted}", markup=False, soft_wrap=True)


def stage_words(progress: PullProgress) -> str:
    match progress.stage:
        case PullStage.CONNECTING:
            return tr("connecting to {source}", source=progress.source or "…")
        case PullStage.DOWNLOADING:
            return tr("downloading from {source}", source=progress.source)
        case PullStage.COPYING:
            return tr("copying")
        case PullStage.VERIFYING:
            return tr("verifying")
        case PullStage.CONVERTING:
            return tr("converting")
        case PullStage.DONE:
            return tr("done")


class FractionView(Protocol):
    def __call__(self, fraction: float) -> None: ...


@contextmanager
def fraction_progress(description: str) -> Iterator[FractionView]:
    """A bar for something that tells a fraction; one line where there is no terminal."""
    console = stderr_console()
    if not console.is_terminal:
        console.print(description, markup=False, soft_wrap=True)
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(description, total=1.0)
        yield lambda fraction: bars.update(task, completed=fraction)
