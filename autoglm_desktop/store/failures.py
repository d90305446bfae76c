"""What SQLite and the file system report, told as cause and next step."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import is_disk_full
from autoglm_desktop.core.i18n import msg

_DISK_FULL = frozenset({sqlite3.SQLITE_FULL})
_NOT_WRITABLE = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_AUTH}
)
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SPACE_TO_START_BYTES = 1 << 16  # a journal index and the first pages of a journal
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged (or is no database), not just out of reach."""
    return _primary_code(error) in _CORRUPT


@contextmanager
def told(path: Path | None) -> Iterator[None]:
    """Turn failures of the block into AppError: DISK_FULL, NOT_WRITABLE, STORE_CORRUPT or BUSY.

    `path` is the file of the conversations, None for the store in memory. Other SQLite errors are faults of this
    program and pass unchanged.
    """
    try:
        yield
    except sqlite3.Error as error:
        known = _of_code(_primary_code(error), path, error)
        if known is None:
            raise
        raise known from error
    except Timeout as error:
        raise busy(path, error) from error
    except OSError as error:
        raise (disk_full(path, error) if is_disk_full(error) else not_writable(path, error)) from error


def _primary_code(error: sqlite3.Error) -> int:
    """The low byte of an extended result code is the primary one (https://sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _of_code(code: int, path: Path | None, error: sqlite3.Error) -> AppError | None:
    if code in _DISK_FULL or (code in _NOT_WRITABLE and _no_space(path)):
        return disk_full(path, error)
    if code in _NOT_WRITABLE:
        return not_writable(path, error)
    if code in _CORRUPT:
        return corrupt(path, error)
    return busy(path, error) if code in _BUSY else None


def _no_space(path: Path | None) -> bool:
    """Whether the disk is full: SQLite reports that as a plain I/O error where it cannot make its journal."""
    try:
        return path is not None and shutil.disk_usage(path.parent).free < _SPACE_TO_START_BYTES
    except OSError:
        return False


def disk_full(path: Path | None, error: Exception) -> AppError:
    return AppError(
        ErrorCode.DISK_FULL,
        msg("There is no space left to save conversations to {path}.", path=str(path)),
        msg("Free some space and try again; what could not be saved is lost when the application ends."),
        details=_details(error),
    )


def not_writable(path: Path | None, error: Exception) -> AppError:
    return AppError(
        ErrorCode.NOT_WRITABLE,
        msg("Conversations cannot be saved to {path}.", path=str(path)),
        msg("Make the folder writable or choose another with --data-dir; a temporary chat works meanwhile."),
        details=_details(error),
    )


def corrupt(path: Path | None, error: Exception) -> AppError:
    return AppError(
        ErrorCode.STORE_CORRUPT,
        msg("The file of the conversations, {path}, is damaged.", path=str(path)),
        msg("Restart the application: it repairs the file, or keeps it aside and starts a new one."),
        details=_details(error),
    )


def busy(path: Path | None, error: Exception) -> AppError:
    return AppError(
        ErrorCode.BUSY,
        msg("Another program is using the conversations in {path}.", path=str(path)),
        msg("Close it or wait a moment, then try again."),
        details=_details(error),
    )


def newer(path: Path, found: int, known: int) -> AppError:
    return AppError(
        ErrorCode.STORE_NEWER,
        msg(
            "The conversations in {path} were written by a newer version of the application (format {found}; this one "
            "reads up to {known}).",
            path=str(path),
            found=found,
            known=known,
        ),
        msg("Install the newer version, or choose another folder with --data-dir; the file was not changed."),
    )


def _details(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return f"{type(error).__name__} {name}: {error}"
