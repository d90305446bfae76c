"""A contestant's process ends with its input, and at once where it is not wanted any more."""

from __future__ import annotations

import signal
import stat
import sys
from pathlib import Path

import pytest

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine import contest
from autoglm_desktop.engine.contest import Entry, Worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script stands for the worker")


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Worker:
    """A worker that is loaded and hears neither the end of its input nor an interrupt."""
    script = tmp_path / "deaf"
    script.write_text("#!/bin/sh\ntrap '' INT TERM\necho '{}'\nwhile :; do sleep 1; done\n")
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(sys, "executable", str(script))
    monkeypatch.setattr(contest, "CLOSE_S", 10_000.0)
    return Worker(Entry("ours", tmp_path, Tier.INT4), 1, tmp_path / "log")


@pytest.mark.timeout(60)
def test_an_interrupt_does_not_wait_for_a_worker(deaf: Worker) -> None:
    with pytest.raises(KeyboardInterrupt), deaf:
        raise KeyboardInterrupt
    assert deaf._process.returncode == -signal.SIGKILL


def test_a_worker_ends_with_its_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "cat"
    script.write_text("#!/bin/sh\necho '{}'\nexec cat > /dev/null\n")
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(sys, "executable", str(script))
    worker = Worker(Entry("ours", tmp_path, Tier.INT4), 1, tmp_path / "log")
    with worker:
        assert worker.loaded == {}
    assert worker._process.returncode == 0
