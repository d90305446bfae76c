"""``packaging/run.sh`` over an environment whose Python only notes what it was asked: nothing is installed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
MODEL, SPEECH = "qwen2.5-coder-0.5b-instruct", "faster-whisper-base"
_PYTHON = """#!/bin/bash
# Notes its arguments, and with them whether the lock of the set-up (file 9) was handed on.
[[ "$*" == *"pip --version"* ]] && exit 0
lock=free; [[ -e /proc/self/fd/9 ]] && lock=held
printf '%s %s\\n' "$lock" "$*" >>"$ROOT_NOTES"
if [[ "$*" == *"models prepare"* ]]; then
  [[ -n ${OFFLINE:-} ]] && exit 1
  mkdir -p "$AUTOGLM_DATA_DIR/models/${@: -1}" && : >"$AUTOGLM_DATA_DIR/models/${@: -1}/autoglm.json"
fi
exit 0
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the scripts are for Debian")


class Root:
    """A project's folder with the scripts, an environment and a data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.notes = folder, folder / "data", folder / "notes"
        (folder / "packaging").mkdir()
        for name in ("common.sh", "run.sh", "constraints.txt"):
            shutil.copy(PACKAGING / name, folder / "packaging" / name)
        (folder / "pyproject.toml").touch()
        (folder / ".venv" / "bin").mkdir(parents=True)
        self._program(folder / ".venv" / "bin" / "python", _PYTHON)
        (folder / "stubs").mkdir()
        for name in ("apt-get", "sudo"):
            self._program(folder / "stubs" / name, "#!/bin/sh\nexit 0\n")
        self.environment = {
            "PATH": f"{folder / 'stubs'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "ROOT_NOTES": str(self.notes),
            "AUTOGLM_DATA_DIR": str(self.data),
        }

    def run(self, *arguments: str, **variables: str) -> list[str]:
        """Start, and return what the environment's Python was asked to do; empty after a failure."""
        self.notes.write_text("")
        done = subprocess.run(
            ["bash", str(self.folder / "packaging" / "run.sh"), *arguments],
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return self.noted() if done.returncode == 0 else []

    def noted(self) -> list[str]:
        lines = self.notes.read_text().splitlines()
        return [line for line in lines if "pip install" not in line]

    def models(self, *names: str) -> None:
        """What is installed now: these models."""
        shutil.rmtree(self.data / "models", ignore_errors=True)
        (self.data / "models").mkdir(parents=True)
        for name in names:
            (self.data / "models" / name).mkdir()
            (self.data / "models" / name / "autoglm.json").touch()

    def _program(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


STARTED = "free -m autoglm_desktop"


def test_the_first_set_up_fetches_the_models_and_starts_without_the_lock(root: Root) -> None:
    assert root.run("chat") == [
        f"held -m autoglm_desktop models prepare --yes {MODEL}",
        f"held -m autoglm_desktop models prepare --yes {SPEECH}",
        f"{STARTED} chat",
    ]
    assert root.run() == [STARTED]


def test_a_first_set_up_without_a_network_ends_and_is_tried_again(root: Root) -> None:
    assert root.run(OFFLINE="yes") == []
    assert root.run()[-1] == STARTED
    assert (root.data / "models" / MODEL).is_dir()


@pytest.mark.parametrize("models", [("smollm2-135m-instruct",), ()])
def test_a_model_that_was_removed_stays_removed(root: Root, models: tuple[str, ...]) -> None:
    root.run()
    root.models(*models)
    assert root.run(OFFLINE="yes") == [STARTED]
    (root.folder / "packaging" / "constraints.txt").write_text("an update\n")
    assert root.run(OFFLINE="yes") == [STARTED]


def test_a_data_folder_that_is_gone_is_filled_again(root: Root) -> None:
    root.run()
    shutil.rmtree(root.data)
    assert f"held -m autoglm_desktop models prepare --yes {MODEL}" in root.run()


def test_a_start_that_waited_for_another_set_up_gives_the_lock_back(root: Root) -> None:
    root.run("--setup")
    stamp = root.folder / ".venv" / ".ready-app"
    content = stamp.read_text()
    stamp.unlink()
    root.notes.write_text("")
    with (root.folder / "packaging" / "common.sh").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            ["bash", str(root.folder / "packaging" / "run.sh")],
            env=root.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        with waiting:
            assert waiting.stderr is not None
            assert "waiting for it" in waiting.stderr.readline()
            stamp.write_text(content)  # the other one is done
            fcntl.flock(other, fcntl.LOCK_UN)
            assert waiting.wait(60) == 0
    assert root.noted() == [STARTED]
