"""Commands on a disk without room: one plain line that is true, status 1, nothing half-written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from tests.helpers.command_line import Done, assert_failed, command, environment
from tests.helpers.tiny_gguf import write_tiny_gguf
from tests.helpers.trees import stored


def _run_limited(data_dir: Path, *arguments: str, kib: int) -> Done:
    """Run a command that can make no file larger than `kib`: writing more fails as on a full disk (EFBIG)."""
    limited = f'ulimit -f {kib}; exec "$@"'  # bash counts in KiB
    done = subprocess.run(
        ["bash", "-c", limited, "bash", *command(*arguments)],
        capture_output=True,
        env=environment(data_dir),
        stdin=subprocess.DEVNULL,
        timeout=150,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    ModelLibrary(tmp_path / "data").add(tmp_path / "tiny.gguf", "tiny")
    return tmp_path / "data"


def test_a_question_that_cannot_be_kept_is_one_line_that_promises_nothing(data_dir: Path) -> None:
    store = Store(data_dir / "conversations.sqlite3")
    stored(store, ["before"])
    store.close()
    asked = ("chat", "hello", "--model", "tiny", "--session", "work", "--system", "x", "--tier", "fp16")
    done = _run_limited(data_dir, *asked, kib=16)
    assert_failed(done, "conversations.sqlite3")
    assert "is kept" not in done.err
    assert "Logging error" not in done.err
    again = Store(data_dir / "conversations.sqlite3")
    assert [c.title for c in again.conversations() if again.path_of(c.id)] != []
    again.close()


def test_a_log_that_is_full_is_not_told(data_dir: Path) -> None:
    (data_dir / "logs").mkdir(exist_ok=True)
    (data_dir / "logs" / "cli.log").write_bytes(b"x" * 4096)
    done = _run_limited(data_dir, "chat", "hi", "--model", "nothing-like-it", kib=4)
    assert_failed(done, "no model named")


def test_a_report_that_cannot_be_written_leaves_no_half_files(data_dir: Path, tmp_path: Path) -> None:
    done = _run_limited(data_dir, "simulate", "run", "commute", "--report", str(tmp_path / "report"), kib=8)
    assert done.status == 1
    assert "Traceback" not in done.err
    assert "cannot be written" in done.err
    assert all(path.stat().st_size < 8192 for path in (tmp_path / "report").iterdir())
    assert [path.name for path in (tmp_path / "report").iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("arguments", [("models", "list"), ("models", "list", "--json"), ("--version",)])
def test_a_full_disk_behind_standard_output_is_said(data_dir: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(*arguments), stdout=full, stderr=subprocess.PIPE, env=environment(data_dir), timeout=60, check=False
        )
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert len(lines) == 1
    assert "no space left to write the output" in lines[0]
    assert "Errno" not in lines[0]
