"""Ctrl-C at any moment of the start: status 130 and not a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_desktop.core.interrupts import held

_CHILD = """
import os, signal, sys
left = [sys.argv.pop(1)]
def hook(event, arguments):
    if left and left[0] in (event, *(str(argument) for argument in arguments[:1])):
        left.clear()
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(hook)
from autoglm_desktop.__main__ import main
status = main(sys.argv[1:])
assert not left, "the moment never came"
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        ("autoglm_desktop.core", []),
        ("autoglm_desktop.app", []),
        ("pydantic", []),
        ("sqlite3.connect", []),
        ("shiboken6", []),
        ("PySide6.QtWidgets", []),
        ("autoglm_desktop.ui.windows.main_window", []),
        ("autoglm_desktop.ui.windows.first_run", []),
        ("autoglm_desktop.cli", ["models", "list"]),
        ("typer", ["models", "list"]),
    ],
)
def test_ctrl_c_during_the_start(tmp_path: Path, moment: str, arguments: list[str]) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "AUTOGLM_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD, moment, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_a_second_ctrl_c_does_not_wait() -> None:
    with held() as check:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
