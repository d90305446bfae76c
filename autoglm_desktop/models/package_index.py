"""The package index that pip is configured for: where an archive lies, and pip itself to fetch it as a fallback.

pip is asked for addresses only (a dry run that resolves nothing else), so the user's index, mirrors, certificates and
proxies hold, and no name of a host is written here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from autoglm_desktop.core.i18n import msg

from .failures import SourceFailedError
from .progress import Monitor

POLL_S = 0.1
LOCATE_TIMEOUT_S = 60.0
_PLAIN = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet")


class PackageIndex(Protocol):
    """Where archives come from."""

    def locate(self, requirements: Sequence[str], monitor: Monitor) -> dict[str, str]:
        """The address of each ``dist==version``. Raises SourceFailedError."""

    def fetch(self, requirement: str, folder: Path, monitor: Monitor) -> Path:
        """Bring the archive into an empty `folder` by other means than its address. Raises SourceFailedError."""

    def connection(self) -> tuple[str | None, str | None]:
        """File of certificates and proxy that the index is configured with, each or None."""


class PipIndex:
    """The index of the pip of this environment."""

    def __init__(self, pip: Sequence[str] = (sys.executable, "-m", "pip")) -> None:
        self._pip = tuple(pip)

    def locate(self, requirements: Sequence[str], monitor: Monitor) -> dict[str, str]:
        with tempfile.TemporaryDirectory() as scratch:
            report = Path(scratch, "report.json")
            options = ("--dry-run", "--ignore-installed", "--report", str(report))
            self._run(("install", *options, *_PLAIN, *requirements), monitor, LOCATE_TIMEOUT_S)
            found: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
        addresses = {
            _key(f"{item['metadata']['name']}=={item['metadata']['version']}"): str(item["download_info"]["url"])
            for item in found
        }
        missing = [requirement for requirement in requirements if _key(requirement) not in addresses]
        if missing:
            raise SourceFailedError(msg("The package index does not have {name}.", name=missing[0]))
        return {requirement: addresses[_key(requirement)] for requirement in requirements}

    def fetch(self, requirement: str, folder: Path, monitor: Monitor) -> Path:
        self._run(("download", "--dest", str(folder), *_PLAIN, requirement), monitor, None)
        archives = list(folder.glob("*.whl"))
        if len(archives) != 1:
            raise SourceFailedError(msg("The package index does not have {name}.", name=requirement))
        return archives[0]

    def connection(self) -> tuple[str | None, str | None]:
        """From ``pip config list``; a later line (environment) wins over an earlier one (files)."""
        done = subprocess.run([*self._pip, "config", "list"], capture_output=True, text=True, check=False, timeout=20)
        values: dict[str, str] = {}
        for line in done.stdout.splitlines():
            name, _, value = line.partition("=")
            if name in ("global.cert", "install.cert", "global.proxy", "install.proxy"):
                values[name.rpartition(".")[2]] = value.strip("'\"")
        cert = os.environ.get("PIP_CERT") or values.get("cert")
        return cert, os.environ.get("PIP_PROXY") or values.get("proxy")

    def _run(self, arguments: Sequence[str], monitor: Monitor, timeout_s: float | None) -> None:
        """Run pip, polled so that a wish to stop ends it at once."""
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen([*self._pip, *arguments], stdout=subprocess.DEVNULL, stderr=errors) as process,
        ):
            try:
                self._wait(process, monitor, timeout_s)
            except BaseException:
                process.kill()
                raise
            if process.returncode:
                errors.seek(0)
                told = errors.read().decode(errors="replace").strip()
                raise SourceFailedError(msg("The package index did not yield the archives."), details=told[-2000:])

    @staticmethod
    def _wait(process: subprocess.Popen[bytes], monitor: Monitor, timeout_s: float | None) -> None:
        waited_s = 0.0
        while True:
            try:
                process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                monitor.check()
                waited_s += POLL_S
                if timeout_s is not None and waited_s >= timeout_s:
                    raise SourceFailedError(
                        msg("The package index did not answer within {seconds} s.", seconds=int(timeout_s))
                    ) from None
            else:
                return


def _key(requirement: str) -> str:
    """Names of distributions compare without case, and with ``-``, ``_`` and ``.`` alike (PEP 503)."""
    name, _, version = requirement.partition("==")
    return f"{name.lower().replace('_', '-').replace('.', '-')}=={version}"
