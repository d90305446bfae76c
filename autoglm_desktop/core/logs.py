"""The file that a process logs to."""

from __future__ import annotations

import logging
import logging.handlers
from io import TextIOWrapper
from pathlib import Path

from .files import make_private, make_private_folder, private_opener

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_quietly() -> None:
    """A line that cannot be logged (a full disk, say) is dropped: logging's own report would be a traceback each."""
    logging.raiseExceptions = False


def log_file(path: Path, max_bytes: int, older: int) -> logging.Handler:
    """A handler that writes to `path`, bounded, with so many `older` files beside it. Raises OSError."""
    make_private_folder(path.parent)
    make_private(path)
    handler = _LogFile(path, maxBytes=max_bytes, backupCount=older, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler


class _LogFile(logging.handlers.RotatingFileHandler):
    """Made for its owner alone: a log may quote what somebody wrote."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=private_opener)
