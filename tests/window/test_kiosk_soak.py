"""Visitors one after the other through the real kiosk: nothing of one is left for the next."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.display import virtual_display

pytestmark = [pytest.mark.window, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).parents[2] / "packaging" / "soak_kiosk.py"

if not (shutil.which("Xvfb") and shutil.which("openbox")):
    pytest.skip("needs Xvfb and openbox", allow_module_level=True)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_display() as name:
        yield name


def soak(display: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"} | {"DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.stdout, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["sound"] else 1)
    return found


def test_nothing_of_a_visitor_stays(display: str) -> None:
    found = soak(display, "--turns", "80")
    assert (found["turns"], found["answered"], found["lost"]) == (80, 80, [])
    assert found["visitors"] > 20
    assert (found["in_window"], found["on_clipboard"], found["in_files"]) == (0, 0, [])
    assert found["growth"] < 0.05
    assert found["sound"]


@pytest.mark.model
def test_nothing_stays_when_the_real_engine_is_killed(display: str, shared_data_dir: Path) -> None:
    assert (shared_data_dir / "models").is_dir()
    found = soak(display, "--turns", "6", "--real", "--seed", "3")
    assert (found["turns"], found["answered"], found["lost"]) == (6, 6, [])
    assert found["kills"] > 0
    assert (found["in_window"], found["on_clipboard"], found["in_files"]) == (0, 0, [])
