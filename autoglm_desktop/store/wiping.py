"""Words that were purged are gone from the disk while the file is open: out of the search index, and the journal.

`secure_delete` overwrites what the tables free. The search index only notes that a message is gone, until its parts are
merged; and the journal holds every page as it was, until it is emptied. Both are done in small steps, so that nobody
waits: what another process's reading keeps from being done now is done at the next chance.
"""

from __future__ import annotations

import logging
import sqlite3

log = logging.getLogger(__name__)

STEPS_AT_ONCE = 8
"""At a purge and after each later write, some 60 ms together."""
STEPS_AT_THE_END = 100
_PAGES_A_STEP = 200


class Wiper:
    """What a purge leaves to be done on a connection (None: in memory, nothing). Used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection | None) -> None:
        self._db = db
        self._due = False

    def begin(self) -> None:
        """Something was purged."""
        self._due = self._db is not None
        self.go_on()

    def go_on(self, steps: int = STEPS_AT_ONCE) -> None:
        """Do some of what is due, if anything is. What fails is tried again at the next chance."""
        if self._db is None or not self._due:
            return
        try:
            self._due = not wipe(self._db, steps)
        except sqlite3.Error:
            log.exception("purged words could not be wiped yet")


def wipe(db: sqlite3.Connection, steps: int) -> bool:
    """Do so many steps; returns whether all is done. Outside of a transaction. Raises sqlite3.Error, but not for BUSY.

    https://sqlite.org/fts5.html#the_merge_command, https://sqlite.org/pragma.html#pragma_wal_checkpoint
    """
    waiting_ms = db.execute("PRAGMA busy_timeout").fetchone()[0]
    db.execute("PRAGMA busy_timeout = 0")
    try:
        merged = any(_merged(db) for _ in range(steps))
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout = {waiting_ms}")
    return merged and not busy


def _merged(db: sqlite3.Connection) -> bool:
    """One step of the merge; True when there was nothing left to do."""
    before = db.total_changes
    db.execute("INSERT INTO node_fts(node_fts, rank) VALUES ('merge', ?)", (-_PAGES_A_STEP,))
    return db.total_changes - before < 2  # the insertion counts as one
