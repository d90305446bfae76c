"""The real window on a real X server: start, second start, signals, what is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from autoglm_desktop.core.settings import DEFAULT_MODEL_ID
from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.display import Application, application, until, virtual_display

pytestmark = pytest.mark.window

KILLS = 20

if not (shutil.which("Xvfb") and shutil.which("xdotool") and shutil.which("openbox")):
    pytest.skip("needs Xvfb, openbox and xdotool", allow_module_level=True)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_display() as name:
        yield name


def test_it_starts_without_a_model_and_ends_with_its_window(display: str, tmp_path: Path) -> None:
    with application(display, tmp_path) as app:
        app.xdotool("search", "--onlyvisible", "--name", "AutoGLM Desktop$", "windowfocus", "--sync")
        # by itself: a key sent to a window that goes is never let go, and closes the windows that follow
        app.xdotool("key", "ctrl+q")
        status, output = app.wait()
    assert (status, output) == (0, "")
    assert DataPaths(tmp_path).window.exists()
    assert "window starts" in DataPaths(tmp_path).log.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_it_in_order(display: str, tmp_path: Path, number: signal.Signals) -> None:
    with application(display, tmp_path) as app:
        app.process.send_signal(number)
        assert app.wait() == (0, "")
    assert DataPaths(tmp_path).window.exists()


def test_a_second_start_wakes_the_first_and_ends(display: str, tmp_path: Path) -> None:
    with application(display, tmp_path) as first:
        second = Application(display, tmp_path)
        assert second.wait() == (0, "")
        assert first.process.poll() is None
        assert len(first.windows()) == 1
        assert first.end()[0] == 0


def test_a_first_that_was_killed_leaves_no_obstacle(display: str, tmp_path: Path) -> None:
    with application(display, tmp_path) as first:
        first.process.kill()
        first.process.wait(10)
    with application(display, tmp_path) as again:
        assert Application(display, tmp_path).wait() == (0, "")
        assert again.end()[0] == 0


def test_a_window_finishes_the_wipe_of_a_kiosk_that_lost_its_power(display: str, tmp_path: Path) -> None:
    left = DataPaths(tmp_path).kiosk_files / "images" / "photo.png"
    with application(display, tmp_path, "--kiosk") as kiosk:
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"a visitor's face")
        kiosk.process.kill()
        kiosk.process.wait(10)
    assert left.exists()
    with application(display, tmp_path):
        assert not left.exists()


def test_two_data_folders_are_two_windows(display: str, tmp_path: Path) -> None:
    with application(display, tmp_path / "a") as one:
        two = Application(display, tmp_path / "b")
        assert until(lambda: len(one.windows()) == 2)
        assert two.end()[0] == 0
        assert one.end()[0] == 0


def test_a_database_from_a_newer_version_is_left_alone_and_said(display: str, tmp_path: Path) -> None:
    path = DataPaths(tmp_path).store
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9999")
    db.close()
    before = path.read_bytes()
    with application(display, tmp_path) as app:
        assert app.end()[0] == 0
    assert path.read_bytes() == before


def test_a_data_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "AUTOGLM_DATA_DIR": str(blocked / "data")}
    process = subprocess.Popen(
        [sys.executable, "-m", "autoglm_desktop"], env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    process.terminate()
    process.communicate(timeout=30)
    assert "cannot be written" in line
    assert "--data-dir" in line


def test_the_gui_process_never_loads_torch() -> None:
    code = "import sys, autoglm_desktop.app, autoglm_desktop.ui.shell; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.model
def test_a_real_question_is_answered_and_nothing_is_left(display: str, tmp_path: Path, shared_data_dir: Path) -> None:
    _with_model(tmp_path, shared_data_dir, max_tokens=24)
    with application(display, tmp_path) as app:
        _ask(app, "Who are you?")
        rows = _wait_for_answers(tmp_path, ["complete"])
        assert "AutoGLM" in rows[0][1]
        children = app.children()
        assert children
        assert app.end() == (0, "")
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.model
def test_a_killed_engine_costs_an_answer_never_the_window(display: str, tmp_path: Path, shared_data_dir: Path) -> None:
    """kill -9 in mid-answer, twenty times: what had arrived is kept and marked, the next prompt is answered."""
    _with_model(tmp_path, shared_data_dir, max_tokens=400)
    with application(display, tmp_path) as app:
        for number in range(KILLS):
            app.xdotool("windowfocus", "--sync", app.windows()[0], "key", "ctrl+n")
            _ask(app, "Write a long story about the sea, a thousand words.")
            _wait_for_answers(tmp_path, ["interrupted"] * number + ["streaming"], with_text=True)
            for child in app.children():
                if "autoglm_desktop.engine.process" in child.cmdline():
                    child.kill()
            rows = _wait_for_answers(tmp_path, ["interrupted"] * (number + 1))
            assert rows[number][1]
        _ask(app, "Say yes.")
        assert until(lambda: len(_answers(tmp_path)) == KILLS + 1)
        app.xdotool("key", "Escape")
        assert until(lambda: _answers(tmp_path)[KILLS][0] in ("complete", "interrupted"))
        assert app.end() == (0, "")


def _with_model(data_dir: Path, shared_data_dir: Path, *, max_tokens: int) -> None:
    (data_dir / "models").symlink_to(shared_data_dir / "models")
    settings = {"model_id": DEFAULT_MODEL_ID, "language": "en", "temperature": 0.0, "max_tokens": max_tokens}
    DataPaths(data_dir).settings.write_text(json.dumps(settings), encoding="utf-8")


def _ask(app: Application, text: str) -> None:
    app.xdotool("windowfocus", "--sync", app.windows()[0])
    app.xdotool("type", "--delay", "2", text)
    app.xdotool("key", "Return")


def _answers(data_dir: Path) -> list[tuple[str, str]]:
    """State and text of every answer, as it lies on the disk."""
    path = DataPaths(data_dir).store
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT state, text FROM node WHERE role = 'assistant' ORDER BY seq").fetchall()


def _wait_for_answers(data_dir: Path, states: list[str], *, with_text: bool = False) -> list[tuple[str, str]]:
    """The answers, once they are in these states (and the last has text)."""
    rows: list[tuple[str, str]] = []

    def there() -> bool:
        rows[:] = _answers(data_dir)
        return [state for state, _ in rows] == states and (not with_text or bool(rows[-1][1]))

    assert until(there, 90.0), rows
    return rows
