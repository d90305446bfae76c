"""The command line as a person or a program runs it: a process of its own, its two outputs apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 150.0


@dataclass(frozen=True, slots=True)
class Done:
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output. Fails when there is anything else."""
        found: dict[str, Any] = json.loads(self.text)
        assert self.text.count("\n") == 1
        return found


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "autoglm_desktop", *map(str, arguments)]


def environment(data_dir: Path, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """No display, English, and the data folder of the test."""
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "LC_ALL", "LC_MESSAGES"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"AUTOGLM_DATA_DIR": str(data_dir), "LANG": "C.UTF-8"} | dict(changes or {})


def run(
    data_dir: Path,
    *arguments: str | Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    limit_s: float = LIMIT_S,
) -> Done:
    """Run a command to its end; `env` changes the environment."""
    done = subprocess.run(
        command(*arguments),
        input=stdin,
        capture_output=True,
        env=environment(data_dir, env),
        timeout=limit_s,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


def assert_failed(done: Done, *words: str) -> None:
    """Status 1, nothing on standard output, one line on standard error that has the words, no traceback."""
    assert done.status == 1, done
    assert done.out == b"", done
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("autoglm-desktop: "), done.err
    for word in words:
        assert word in lines[0]
