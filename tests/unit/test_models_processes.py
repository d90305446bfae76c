"""Two processes at once, and processes that are killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.models.progress import PullStage
from tests.helpers.loopback import WAIT_S, Loopback
from tests.helpers.model_fixtures import library, loopback_index, offered, server, sources
from tests.helpers.model_sources import MODEL_ID, Offered

__all__ = ["library", "loopback_index", "offered", "server", "sources"]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(offered: Offered, tmp_path: Path) -> Iterator[Start]:
    """Start a process that pulls into the same data folder as `library`, optionally held at a stage."""
    with _reaper() as started:

        def make(stage: PullStage | None = None) -> subprocess.Popen[str]:
            arguments = [str(tmp_path / "data"), str(offered.catalogue), MODEL_ID, *([stage] if stage else [])]
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.helpers.pull_process", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            return process

        yield make


@contextmanager
def _reaper() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate(timeout=WAIT_S)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_two_processes_do_the_work_once(
    start: Start, server: Loopback, offered: Offered, library: ModelLibrary
) -> None:
    first = start(PullStage.CONVERTING)
    assert _line(first) == "held"
    second = start(PullStage.CONNECTING)
    assert _line(second) == "held"  # waits for the first, and says so
    for process in (first, second):
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [_line(first), _line(second)] == ["pulled", "pulled"]
    assert [len(server.asked(path)) for path in offered.archives] == [1, 1]
    library.verify(MODEL_ID)


def test_killed_in_mid_download_the_next_pull_goes_on(
    start: Start, server: Loopback, offered: Offered, library: ModelLibrary
) -> None:
    page = server.pages[offered.archives[0]]
    page.hold_after = len(page.body) // 2
    process = start()
    assert page.held.wait(WAIT_S)
    process.kill()
    process.wait(WAIT_S)
    page.hold_after = None
    page.released.set()
    assert not library.info(MODEL_ID).installed
    library.pull(MODEL_ID, lambda _: None, lambda: False)
    library.verify(MODEL_ID)


@pytest.mark.parametrize("stage", [PullStage.DOWNLOADING, PullStage.VERIFYING, PullStage.CONVERTING])
def test_killed_at_any_stage_the_old_state_stays_and_the_next_pull_completes(
    start: Start, server: Loopback, library: ModelLibrary, stage: PullStage, tmp_path: Path
) -> None:
    process = start(stage)
    assert _line(process) == "held"
    process.kill()
    process.wait(WAIT_S)
    assert not library.info(MODEL_ID).installed
    asked = len(server.requests)
    library.pull(MODEL_ID, lambda _: None, lambda: False)
    if stage is not PullStage.DOWNLOADING:
        assert len(server.requests) == asked  # the archives were there
    library.verify(MODEL_ID)
    assert not list((tmp_path / "data" / "models" / ".staging").iterdir())
