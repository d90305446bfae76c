"""Why sources were passed over, kept on disk for the diagnosis; and what disk errors mean to a person."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import atomic_write, is_disk_full
from autoglm_desktop.core.i18n import Text, msg

_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class SourceFailedError(Exception):
    """A source did not yield the files: why, for people. `corrupt`: it answered, with the wrong bytes."""

    def __init__(self, reason: Text, *, details: str = "", corrupt: bool = False) -> None:
        super().__init__(f"{reason.english()} {details}".strip())
        self.reason = reason
        self.details = details
        self.corrupt = corrupt


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that was passed over at the last pull. `when_s` is Unix time."""

    source: Text
    reason: Text
    details: str
    when_s: float


_FAILURES = TypeAdapter(tuple[SourceFailure, ...])


def read_failures(path: Path) -> tuple[SourceFailure, ...]:
    """What was kept at the last pull; empty when there was none or the note cannot be read."""
    try:
        return _FAILURES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return ()


def write_failures(path: Path, failures: tuple[SourceFailure, ...]) -> None:
    """Keep them; no failures remove the note."""
    if not failures:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, _FAILURES.dump_json(failures, indent=1))


def require_disk(folder: Path, needed_bytes: int) -> None:
    """Raise AppError DISK_FULL, with the figures, when the disk of `folder` has less than `needed_bytes` free."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise AppError(
            ErrorCode.DISK_FULL,
            msg(
                "The disk has {free} free, but {needed} are needed in {folder}.",
                free=in_units(free_bytes),
                needed=in_units(needed_bytes),
                folder=str(folder),
            ),
            msg("Free some space, or choose another data folder with --data-dir."),
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full or unwritable disk into the AppError that says so. Other errors pass."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise AppError(
                ErrorCode.DISK_FULL,
                msg("The disk became full while writing to {folder}.", folder=str(folder)),
                msg("Free some space and try again; what has arrived is kept."),
                details=str(error),
            ) from error
        if error.errno in _UNWRITABLE:
            raise AppError(
                ErrorCode.NOT_WRITABLE,
                msg("The data folder {folder} cannot be written.", folder=str(folder)),
                msg("Make it writable, or choose another one with --data-dir."),
                details=str(error),
            ) from error
        raise


def in_units(size_bytes: int) -> str:
    """A size for people, decimal units: ``1.3 GB``."""
    if size_bytes >= 10**9:
        return f"{size_bytes / 10**9:.1f} GB"
    return f"{size_bytes / 10**6:.0f} MB"
