"""`models pull`: what is told before a download, and who is asked."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests.helpers.command_line import LIMIT_S, assert_failed, command, environment, run

SMALL = "smollm2-135m-instruct"
NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
OFFER = f"{SMALL}: "


def on_a_terminal(data_dir: Path, answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal; answer its question, if it has one. Returns status and everything shown."""
    side, inner = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env=environment(data_dir, NOWHERE | {"TERM": "dumb", "COLUMNS": "300"}),
        start_new_session=True,
    )
    os.close(inner)
    shown, answered, deadline_s = "", False, time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < deadline_s:
            if select.select([side], [], [], 0.2)[0]:
                try:
                    shown += os.read(side, 4096).decode(errors="replace")
                except OSError:  # the other side is closed
                    break
            if "Download it?" in shown and not answered:
                os.write(side, f"{answer}\n".encode())
                answered = True
        return process.wait(LIMIT_S), shown
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(side)


def test_size_licence_and_sources_are_told_before(tmp_path: Path) -> None:
    done = run(tmp_path, "models", "pull", SMALL, env=NOWHERE)
    assert done.status == 1
    assert f"{OFFER}" in done.err
    assert "MB to download, licence Apache-2.0, from " in done.err
    assert "Download it?" not in done.err, "nobody is there to answer"


@pytest.mark.parametrize("command_name", ["pull", "prepare"])
def test_a_no_on_a_terminal_downloads_nothing(tmp_path: Path, command_name: str) -> None:
    status, shown = on_a_terminal(tmp_path, "n", "models", command_name, SMALL)
    assert status == 130, "as after Ctrl-C"
    assert "MB to download, licence Apache-2.0" in shown
    assert "Nothing was downloaded." in shown
    assert not list(tmp_path.glob("models/*"))


def test_yes_goes_on_without_a_question(tmp_path: Path) -> None:
    status, shown = on_a_terminal(tmp_path, "n", "models", "pull", SMALL, "--yes")
    assert "Download it?" not in shown
    assert "MB to download" in shown
    assert status == 1, "the source of the test is nowhere"
    assert "Nothing was downloaded." not in shown


def test_a_hub_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    away = NOWHERE | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    assert_failed(run(tmp_path, "models", "pull", "qwen3-0.6b", env=away), "Hugging Face Hub")
