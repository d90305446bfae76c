"""What a sweep has computed so far, one JSON line a run, and its results in the order of the grid."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.energy.report import csv_text, write_files
from autoglm_desktop.energy.sweep import Outcome, Point

RUNS = "runs.jsonl"
COLUMNS = (
    "energy_wh", "mean_w", "min_soc", "final_soc", "time_to_empty_s", "max_soc_temp_c", "max_skin_temp_c", "tokens",
    "tokens_per_percent", "joules_per_token", "mean_latency_s", "p95_latency_s", "turns", "answered", "capped",
    "from_cache", "switches", "throttled_s", "goal_met", "warned_s", "quality", "energy_closure",
)  # fmt: skip


class SweepStore:
    """The folder of a sweep. One process writes at a time: `lock` it first."""

    def __init__(self, folder: Path) -> None:
        """Raises AppError NOT_WRITABLE when the folder cannot be made."""
        self.folder = folder
        write_files(folder, {})
        self._runs = folder / RUNS

    def lock(self) -> Any:
        """A context in which no other process may sweep into this folder. Raises AppError BUSY or NOT_WRITABLE."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / ".sweep.lock")
        try:
            return lock.acquire(timeout=0)
        except Timeout as error:
            raise AppError(
                ErrorCode.BUSY,
                msg("Another sweep is writing to {folder}.", folder=str(self.folder)),
                msg("Wait for it, or choose another folder with --report."),
            ) from error
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def known(self) -> dict[str, Outcome]:
        """Results by key. A line that an interruption cut short is left out, and computed again."""
        found = {}
        try:
            lines = self._runs.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        for line in lines:
            outcome = _outcome(line)
            if outcome is not None:
                found[outcome.key] = outcome
        return found

    def append(self, outcomes: Iterable[Outcome]) -> None:
        """Add results: one write each time, so that an interruption costs at most its last line."""
        lines = [json.dumps(asdict(outcome), ensure_ascii=False, allow_nan=False) for outcome in outcomes]
        data = ("".join(line + "\n" for line in lines)).encode()
        try:
            handle = os.open(self._runs, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                if _cut_short(self._runs):
                    data = b"\n" + data
                os.write(handle, data)
            finally:
                os.close(handle)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def write_results(self, points: Sequence[Point], known: Mapping[str, Outcome]) -> None:
        """``sweep.json`` and ``sweep.csv``: the same bytes wherever and in whatever order the runs were made."""
        runs = [{**point.place, **known[point.key].figures} for point in points]
        axes = list(points[0].place) if points else []
        rows = [[run.get(name) for name in (*axes, *COLUMNS)] for run in runs]
        lines = ",\n".join(json.dumps(run, ensure_ascii=False, allow_nan=False) for run in runs)
        files = {"sweep.json": f'{{"runs":[\n{lines}\n]}}\n', "sweep.csv": csv_text((*axes, *COLUMNS), rows)}
        write_files(self.folder, files)


def _cut_short(path: Path) -> bool:
    """Whether the last line has no end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _outcome(line: bytes) -> Outcome | None:
    try:
        found = json.loads(line)
        return Outcome(str(found["key"]), dict(found["place"]), dict(found["figures"]), float(found["cpu_s"]))
    except (ValueError, KeyError, TypeError):
        return None


def _cannot_write(folder: Path, error: OSError) -> AppError:
    return AppError(
        ErrorCode.NOT_WRITABLE,
        msg("The sweep cannot use {folder}: {reason}.", folder=str(folder), reason=error.strerror or str(error)),
        msg("Choose a folder that you may write to and that has room."),
        details=str(error),
    )
