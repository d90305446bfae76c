"""Sweeps: a grid, keys by content, results that survive an interruption, and the same bytes wherever they are made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_desktop.cli.main import main
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.sweep import Grid, execute, missing, points, read_grid
from autoglm_desktop.energy.sweep_store import RUNS, SweepStore
from tests.helpers.display import until
from tests.helpers.scripts import ROOT

SMALL = """
scenarios = ["winter-street"]
policies = ["steady", "fixed-int4"]
ambients_c = [-5, 25]
seeds = [1, 2]
"""


def _grid(folder: Path, text: str = SMALL) -> Path:
    path = folder / "grid.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _run(*arguments: str | Path, data_dir: Path) -> int:
    return main(["simulate", "sweep", *map(str, arguments), "--data-dir", str(data_dir), "--lang", "en"])


def test_every_combination_is_a_point_with_a_key_of_its_own(tmp_path: Path) -> None:
    found = points(read_grid(_grid(tmp_path)))
    assert len(found) == len({point.key for point in found}) == 8
    assert [point.place["policy"] for point in found] == ["steady"] * 4 + ["fixed-int4"] * 4
    assert points(Grid(scenarios=("commute",)))[0].seed == 7, "the scenario's own"
    assert [p.policy for p in points(Grid(scenarios=("commute",)))] == list(Policy)


def test_a_key_follows_the_content(tmp_path: Path) -> None:
    own = tmp_path / "scenarios"
    own.mkdir()
    text = 'extends = "commute"\nid = "mine"\n[start]\nbattery_percent = {}\n'
    (own / "mine.toml").write_text(text.format(50), encoding="utf-8")
    grid = Grid(scenarios=("mine",), policies=(Policy.GUIDE,))
    before = points(grid, own_scenarios=own)[0].key
    assert points(grid, own_scenarios=own)[0].key == before
    (own / "mine.toml").write_text(text.format(51), encoding="utf-8")
    assert points(grid, own_scenarios=own)[0].key != before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "scenarios"),
        ('scenarios = ["commute"]\ncolour = 1', "colour"),
        ('scenarios = ["nowhere"]', "nowhere"),
        ('scenarios = ["commute"]\nphones = ["nokia"]', "nokia"),
        ('scenarios = ["commute"]\nseeds = [-1]', "greater than or equal to 0"),
        ('scenarios = ["commute"]\nambients_c = [400]', "less than or equal to 50"),
        ('scenarios = ["commute"]\nworkload_scales = [nan]', "workload_scales"),
        (f'scenarios = ["commute"]\nseeds = {list(range(40_000))}', "at most 200000"),
        ("scenarios = [", "grid.toml"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    text: str, told: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert _run(_grid(tmp_path, text), "--jobs", "1", data_dir=tmp_path) == 1
    shown = capfd.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert shown.err.count("\n") == 1


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file, whole, torn = _grid(tmp_path), tmp_path / "whole", tmp_path / "torn"
    assert _run(file, "--jobs", "1", "--report", whole, "--json", data_dir=tmp_path) == 0
    first = json.loads(capfd.readouterr().out)
    assert (first["runs"], first["computed"]) == (8, 8)
    assert first["speed_up"] > 0.0
    torn.mkdir()
    lines = (whole / RUNS).read_bytes().splitlines(keepends=True)
    (torn / RUNS).write_bytes(b"".join(lines[:3]) + lines[3][:50])
    assert _run(file, "--jobs", "1", "--report", torn, "--json", data_dir=tmp_path) == 0
    again = json.loads(capfd.readouterr().out)
    assert (again["runs"], again["computed"]) == (8, 5)
    for name in ("sweep.json", "sweep.csv"):
        assert (torn / name).read_bytes() == (whole / name).read_bytes()
    assert _run(file, "--report", torn, "--json", data_dir=tmp_path) == 0
    known = json.loads(capfd.readouterr().out)
    assert (known["computed"], known["speed_up"]) == (0, None)
    assert known["results"] == first["results"]


def test_people_get_means_over_the_seeds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(_grid(tmp_path), "--jobs", "1", data_dir=tmp_path) == 0
    out = capfd.readouterr().out
    for part in ("8 runs, simulated", "winter-street", "-5 °C", "fixed-int4", "0 / 2"):
        assert part in out
    page = (tmp_path / "sweeps" / "grid" / "sweep.html").read_text(encoding="utf-8")
    assert page.count("<tr>") == 5


def test_a_line_cut_short_does_not_swallow_the_next(tmp_path: Path) -> None:
    found = points(read_grid(_grid(tmp_path)))[:2]
    store = SweepStore(tmp_path / "out")
    outcomes = execute(found)
    store.append(outcomes[:1])
    with (store.folder / RUNS).open("ab") as file:
        file.write(b'{"key": "half')
    store.append(outcomes[1:])
    known = store.known()
    assert known.keys() == {point.key for point in found}
    assert missing(found, known) == []


def test_two_sweeps_do_not_write_into_one_folder(tmp_path: Path) -> None:
    store = SweepStore(tmp_path / "out")
    with store.lock():
        with pytest.raises(AppError) as caught:
            SweepStore(tmp_path / "out").lock()
        assert caught.value.report.code is ErrorCode.BUSY


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert _run(_grid(tmp_path), "--report", blocked / "sub", data_dir=tmp_path) == 1
    err = capfd.readouterr().err
    assert "cannot be written" in err
    assert err.count("\n") == 1


def test_a_scheduler_that_does_not_answer_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "autoglm_desktop", "simulate", "sweep", str(_grid(tmp_path))]
    command += ["--scheduler", "nonsense://nowhere", "--data-dir", str(tmp_path), "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 1
    assert "No Dask scheduler answers at nonsense://nowhere" in done.stderr


def test_joblib_and_dask_give_the_same_bytes() -> None:
    """A small grid; ``packaging/measure_sweep.py`` without arguments does it with 2,000 runs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "packaging" / "measure_sweep.py"), "--runs", "20", "--skip-serial"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "identical"


def test_ctrl_c_ends_with_130_and_what_was_computed_is_kept(tmp_path: Path) -> None:
    file = _grid(
        tmp_path, f'scenarios = ["winter-street"]\nseeds = {list(range(2000))}\npolicies = ["guide", "steady"]\n'
    )
    folder = tmp_path / "out"
    command = [sys.executable, "-m", "autoglm_desktop", "simulate", "sweep", str(file), "--jobs", "2", "--report"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (tmp_path / "log").open("wb")
    with (
        log,
        subprocess.Popen([*command, str(folder), "--data-dir", str(tmp_path)], stderr=log, env=environment) as run,
    ):
        assert until(lambda: (folder / RUNS).is_file() or run.poll() is not None, timeout_s=120.0)
        run.send_signal(signal.SIGINT)
        assert run.wait(60.0) == 130
    assert 0 < len(SweepStore(folder).known()) < 4000
    assert not (folder / "sweep.json").exists()
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")
