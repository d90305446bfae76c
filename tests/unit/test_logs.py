"""A log on a full disk: lines are dropped, nothing is printed, nothing stops."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_desktop.core.logs import log_file
from autoglm_desktop.engine.log import BoundedLog

_LIMITED = """
import logging, resource, signal, sys
from pathlib import Path
from autoglm_desktop.core.logs import log_file, log_quietly
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
log_quietly()
logging.basicConfig(level=logging.INFO, handlers=[log_file(Path(sys.argv[1]), 1 << 20, older=1)])
for number in range(300):
    logging.info("line %d", number)
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("with its traceback")
"""


def test_a_full_disk_is_not_told_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x.log"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert 0 < path.stat().st_size <= 4096


def test_a_log_is_for_its_owner_alone_also_after_it_was_rotated(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x.log"
    path.parent.mkdir()
    path.touch(0o644)
    handler = log_file(path, 200, older=1)
    for number in range(20):
        handler.emit(logging.LogRecord("x", logging.INFO, "", 0, f"line {number}", (), None))
    handler.close()
    files = sorted(path.parent.iterdir())
    assert [each.name for each in files] == ["x.log", "x.log.1"]
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_engines_log_that_cannot_be_begun_anew_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, pointed = tmp_path / "engine.log", []

    def point_at(_: BoundedLog, target: Path) -> None:
        pointed.append(target)
        if target == path:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(BoundedLog, "_point_at", point_at)
    path.write_bytes(b"x" * 100)
    BoundedLog(path, max_bytes=10).rotate()
    assert pointed == [Path(os.devnull), path]
