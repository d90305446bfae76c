"""The package index that pip is configured for: where an archive lies, and pip itself to fetch it as a fallback.

The user's index, mirrors, certificates and proxies hold, and no name of a host is written here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from autoglm_desktop.core.i18n import msg

from . import pip_addresses
from .failures import SourceFailedError
from .progress import Monitor

LOCATE_TIMEOUT_S = 60.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Located:
    """The address of each requirement that has one that can be told, and how the index is reached."""

    addresses: dict[str, str]
    certificates: str | None = None
    proxy: str | None = None


_LOCATED = TypeAdapter(Located)


class PackageIndex(Protocol):
    """Where archives come from."""

    def locate(self, requirements: Sequence[str], monitor: Monitor) -> Located:
        """The addresses of ``dist==version``, as far as they can be told."""

    def fetch(self, requirement: str, folder: Path, monitor: Monitor) -> Path:
        """Bring the archive into an empty `folder` by other means than its address. Raises SourceFailedError."""


class PipIndex:
    """The index of the pip that the Python at `interpreter` has."""

    def __init__(self, interpreter: str = sys.executable) -> None:
        self._interpreter = interpreter

    def locate(self, requirements: Sequence[str], monitor: Monitor) -> Located:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch, "located.json")
            try:
                self._run([pip_addresses.__file__, str(out), *requirements], monitor, LOCATE_TIMEOUT_S)
            except SourceFailedError:  # pip download then says why, or does better
                return Located({})
            return _LOCATED.validate_json(out.read_bytes())

    def fetch(self, requirement: str, folder: Path, monitor: Monitor) -> Path:
        options = ("--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")
        self._run(["-m", "pip", "download", "--dest", str(folder), *options, requirement], monitor, None)
        return next(folder.glob("*.whl"))

    def _run(self, arguments: Sequence[str], monitor: Monitor, timeout_s: float | None) -> None:
        """Run Python, polled so that a wish to stop ends it at once."""
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen([self._interpreter, *arguments], stdout=subprocess.DEVNULL, stderr=errors) as process,
        ):
            try:
                _wait(process, monitor, timeout_s)
            except BaseException:
                process.kill()
                raise
            if process.returncode:
                errors.seek(0)
                told = errors.read().decode(errors="replace").strip()
                raise SourceFailedError(msg("The package index did not yield the archives."), details=told[-2000:])


def _wait(process: subprocess.Popen[bytes], monitor: Monitor, timeout_s: float | None) -> None:
    started_s = time.monotonic()
    while True:
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            monitor.check()
            if timeout_s is not None and time.monotonic() - started_s > timeout_s:
                reason = msg("The package index did not answer within {seconds} s.", seconds=int(timeout_s))
                raise SourceFailedError(reason) from None
        else:
            return
