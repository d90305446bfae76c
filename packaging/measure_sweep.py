#!/usr/bin/env python3
"""Sweeps one grid three ways and compares: one process, joblib's processes, a Dask ``LocalCluster`` of two processes.

    python packaging/measure_sweep.py [--runs 2000] [--jobs 2] [--skip-serial]

Prints seconds and speed-ups; ends with status 1 when the results differ by a byte. Needs the extra ``distributed``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

SCENARIOS = ("night-standby", "winter-street")
POLICIES = ("guide", "steady", "last-until", "fixed-fp16", "fixed-int4")
AMBIENTS_C = (0, 10, 20, 28, 36)
SCALES = (0.5, 1.0)
PER_SEED = len(SCENARIOS) * len(POLICIES) * len(AMBIENTS_C) * len(SCALES)
RESULTS = ("sweep.json", "sweep.csv")


def grid(runs: int) -> str:
    """A grid of at least `runs` runs; fewer than one seed's worth come from the first scenarios alone."""
    seeds = max(1, runs // PER_SEED)
    scenarios = SCENARIOS if runs >= PER_SEED else SCENARIOS[-1:]
    ambients = AMBIENTS_C if runs >= PER_SEED else AMBIENTS_C[:2]
    return (
        f"scenarios = {list(scenarios)}\npolicies = {list(POLICIES)}\nambients_c = {list(ambients)}\n"
        f"seeds = {list(range(1, seeds + 1))}\nworkload_scales = {list(SCALES)}\n"
    )


def sweep(file: Path, folder: Path, *options: str) -> float:
    """Seconds of ``simulate sweep`` with these options."""
    from autoglm_desktop.cli.main import main as command_line  # not in the workers, which import this file

    began = time.perf_counter()
    data = str(folder.parent / "data")
    status = command_line(["simulate", "sweep", str(file), "--report", str(folder), "--data-dir", data, *options])
    if status:
        raise SystemExit(status)
    return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--skip-serial", action="store_true", help="do not time one process")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autoglm-sweep-") as work:
        return compare(Path(work), arguments.runs, arguments.jobs, serial=not arguments.skip_serial)


def compare(work: Path, runs: int, jobs: int, *, serial: bool) -> int:
    """Every way once; 0 when all of their results are the same bytes."""
    from distributed import LocalCluster

    file = work / "grid.toml"
    file.write_text(grid(runs), encoding="utf-8")
    seconds = {}
    if serial:
        seconds["one process"] = sweep(file, work / "serial", "--jobs", "1")
    seconds[f"joblib, {jobs} processes"] = sweep(file, work / "joblib", "--jobs", str(jobs))
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**options) as cluster:  # type: ignore[no-untyped-call]
        seconds["Dask, 2 processes"] = sweep(file, work / "dask", "--scheduler", cluster.scheduler_address)
    first = next(iter(seconds.values()))
    for name, took in seconds.items():
        print(f"{name}: {took:.1f} s, {first / took:.2f} times the first", file=sys.stderr)
    folders = [folder for folder in ("serial", "joblib", "dask") if (work / folder).is_dir()]
    same = all(len({(work / folder / name).read_bytes() for folder in folders}) == 1 for name in RESULTS)
    print("identical" if same else "the results differ")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
