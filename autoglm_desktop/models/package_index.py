"""The package index that pip is configured for: where an archive lies, and pip itself to fetch it as a fallback.

The user's index, mirrors, certificates and proxies hold, and no name of a host is written here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from autoglm_desktop.core.i18n import msg

from . import pip_addresses
from .failures import SourceFailedError, in_units
from .places import tree_bytes
from .progress import Monitor

LOCATE_TIMEOUT_S = 60.0
_POLL_S = 0.1
_PIPS_OWN_BYTES = 20_000_000


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

    def fetch(self, requirement: str, folder: Path, monitor: Monitor, *, max_bytes: int) -> Path:
        """Bring the archive into an empty `folder` by other means than its address, and no more than it has.

        Raises SourceFailedError.
        """


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

    def fetch(self, requirement: str, folder: Path, monitor: Monitor, *, max_bytes: int) -> Path:
        options = ("--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")
        under_way = folder / "pip"  # where pip has it until it is whole
        under_way.mkdir()

        def bound() -> None:
            """Twice the size, since pip copies it in the end."""
            if tree_bytes(folder) > 2 * max_bytes + _PIPS_OWN_BYTES:
                size = in_units(max_bytes)
                reason = msg("It sent more than the {size} that the file {name} has.", size=size, name=requirement)
                raise SourceFailedError(reason, corrupt=True)

        command = ["-m", "pip", "download", "--no-cache-dir", "--dest", str(folder), *options, requirement]
        self._run(command, monitor, None, bound, environment=dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(under_way)))
        found = next(folder.glob("*.whl"), None)
        if found is None:
            raise SourceFailedError(msg("The package index did not yield the archives."), details="no wheel")
        return found

    def _run(
        self,
        arguments: Sequence[str],
        monitor: Monitor,
        timeout_s: float | None,
        bound: Callable[[], None] = lambda: None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run Python, polled so that a wish to stop, or `bound`, ends it at once."""
        command = [self._interpreter, *arguments]
        variables = {**os.environ, **(environment or {})}
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=variables) as process,
        ):
            try:
                _wait(process, monitor, timeout_s, bound)
            except BaseException:
                process.kill()
                raise
            if process.returncode:
                errors.seek(0)
                told = errors.read().decode(errors="replace").strip()
                raise SourceFailedError(msg("The package index did not yield the archives."), details=told[-2000:])


def _wait(
    process: subprocess.Popen[bytes], monitor: Monitor, timeout_s: float | None, bound: Callable[[], None]
) -> None:
    started_s = time.monotonic()
    while True:
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            monitor.check()
            bound()
            if timeout_s is not None and time.monotonic() - started_s > timeout_s:
                reason = msg("The package index did not answer within {seconds} s.", seconds=int(timeout_s))
                raise SourceFailedError(reason) from None
        else:
            return
