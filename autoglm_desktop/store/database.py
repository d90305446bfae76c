"""Opening the file of the conversations: version, damage, journal, what a crash left."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from autoglm_desktop.core.files import make_private, make_private_folder, private_opener
from autoglm_desktop.core.i18n import Text, msg

from .answering import Answering
from .failures import is_corrupt, newer, told
from .schema import APPLICATION_ID, MIGRATIONS, migrate, version
from .wiping import STEPS_AT_ONCE, wipe

log = logging.getLogger(__name__)

PURGE_AFTER_S = 60.0
"""At an opening, what was deleted longer ago is removed for good: another process may still offer to undo."""

_BUSY_S = 5.0
_OPEN_LOCK_S = 20.0
_SMALLEST_BYTES = 512  # one page of the smallest size, https://sqlite.org/fileformat.html#pages
_COMPANIONS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that is ready for use, and what to tell the user about the opening."""

    connection: sqlite3.Connection
    notices: tuple[Text, ...] = ()


def open_memory() -> Opened:
    """A store that never touches the disk, temporary files of large sorts included."""
    connection = _connect(":memory:")
    migrate(connection)
    return Opened(connection)


def open_file(path: Path) -> Opened:
    """Open or create; a damaged file is kept aside and a fresh one started, which a notice says.

    One process at a time does this (a lock file beside it). Raises AppError STORE_NEWER (the file is not touched),
    NOT_WRITABLE, DISK_FULL or BUSY.
    """
    with told(path):
        make_private_folder(path.parent)
        with FileLock(path.with_name(path.name + ".lock"), timeout=_OPEN_LOCK_S, mode=0o600):
            for companion in _COMPANIONS:
                make_private(path.with_name(path.name + companion))
            try:
                return Opened(_open_sound(path))
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                log.exception("the store is damaged")
                aside = set_aside(path)
            return Opened(_open_sound(path), (_told_aside(aside),))


def mark_suspect(path: Path) -> None:
    """Ask the next opening for a full check: an operation met damage."""
    try:
        _suspect(path).touch()
    except OSError:
        log.exception("the check could not be asked for")


def set_aside(path: Path) -> Path:
    """Move a damaged database away with its journal; returns its new name."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for companion in _COMPANIONS:
        part = path.with_name(path.name + companion)
        if part.exists():
            part.replace(aside.with_name(aside.name + companion))
    _suspect(path).unlink(missing_ok=True)
    return aside


def _open_sound(path: Path) -> sqlite3.Connection:
    journal = path.with_name(path.name + "-wal")
    unclean = _suspect(path).exists() or (journal.exists() and journal.stat().st_size > 0)
    _refuse_newer(path)
    os.close(private_opener(str(path), os.O_RDWR | os.O_CREAT))  # SQLite gives its journal the rights of the file
    connection = _connect(str(path))
    try:
        _refuse_foreign(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if unclean:
            _check(connection)
        migrate(connection)
        if _suspect(path).exists():
            connection.execute("INSERT INTO node_fts(node_fts) VALUES ('rebuild')")
            _suspect(path).unlink()
        _clear_up(connection, Answering.beside(path))
        if unclean or connection.total_changes:
            wipe(connection, STEPS_AT_ONCE)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in ("foreign_keys = ON", "temp_store = MEMORY", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _refuse_newer(path: Path) -> None:
    """Raises AppError STORE_NEWER. A read-only connection looks at the version: the file stays as it is."""
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return
    if size < _SMALLEST_BYTES:  # SQLite would take it for an empty one and write over it
        raise _damage(f"only {size} bytes")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
    try:
        found = version(connection)
    finally:
        connection.close()
    if found > len(MIGRATIONS):
        raise newer(path, found, len(MIGRATIONS))


def _refuse_foreign(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and found != APPLICATION_ID:
        raise _damage(f"application id {found:#x}")


def _check(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _damage(str(found))


def _clear_up(connection: sqlite3.Connection, answering: Answering) -> None:
    """What dead processes left: answers that were cut off, and deletions nobody can undo any more."""
    streaming = [str(row["id"]) for row in connection.execute("SELECT id FROM node WHERE state = 'streaming'")]
    connection.executemany(
        "UPDATE node SET state = 'interrupted' WHERE id = ? AND state = 'streaming'",
        [(node_id,) for node_id in streaming if not answering.lives(node_id)],
    )
    answering.sweep()
    connection.execute("DELETE FROM conversation WHERE deleted_s < ?", (time.time() - PURGE_AFTER_S,))


def _damage(reason: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error


def _suspect(path: Path) -> Path:
    return path.with_name(path.name + ".suspect")


def _told_aside(aside: Path) -> Text:
    return msg(
        "The file of the conversations was damaged. It is kept as {path}, and a new one was started.", path=str(aside)
    )
