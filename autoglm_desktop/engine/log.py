"""The engine's log: everything that the process and its libraries print, bounded in size."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from autoglm_desktop.core.files import make_private, make_private_folder, private_opener

MAX_BYTES = 1 << 20
_LOG = logging.getLogger(__name__)


class BoundedLog:
    """A file behind the standard streams. One older file is kept beside it, as ``<name>.1``.

    The streams point straight at the file, so that the last words of a crash in native code are kept too; that is why
    the size is looked at between commands, and not at every line.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes

    def take_standard_streams(self) -> None:
        """Send standard output and error of this process to the file; to nowhere where it cannot be written."""
        try:
            make_private_folder(self._path.parent)
            make_private(self._path)
            self._point_at(self._path)
        except OSError:
            self._point_at(Path(os.devnull))
            return
        self.rotate()

    def rotate(self) -> None:
        """Begin a new file when this one is full."""
        if not self._path.exists() or self._path.stat().st_size < self._max_bytes:
            return
        self._point_at(Path(os.devnull))  # Windows does not rename an open file
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._point_at(self._path)
        except OSError as error:  # a full disk, say: what is printed until the next rotation is lost
            _LOG.warning("the log cannot be rotated: %s", error)

    def _point_at(self, path: Path) -> None:
        target = private_opener(str(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)


def tail(path: Path, since_bytes: int, limit_bytes: int = 2048) -> str:
    """The end of what was logged after the first `since_bytes`; empty when there is nothing to read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(since_bytes, size), size - limit_bytes))
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"(no log: {error})"
