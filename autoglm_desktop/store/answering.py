"""Which answers are being made by a process that lives: each has a lock file that its process holds.

So a second process that opens the conversations can tell an answer in the making from one that a crash cut off.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from autoglm_desktop.core.files import make_private_folder

log = logging.getLogger(__name__)

_YOUNG_S = 60.0  # a file may not be locked yet


class Answering:
    """The locks of this process in a folder beside the database. Callable from any thread; raises nothing."""

    def __init__(self, folder: Path) -> None:
        """The folder is made with the first answer."""
        self._folder = folder
        self._held: dict[str, FileLock] = {}
        self._lock = threading.Lock()

    @staticmethod
    def beside(database: Path) -> Answering:
        """The locks that belong to this file of conversations."""
        return Answering(database.with_name(database.name + ".answering"))

    def begin(self, node_id: str) -> None:
        """This process makes the answer. Without the lock it is made all the same, but another opening marks it."""
        lock = FileLock(self._path(node_id), mode=0o600, thread_local=False)  # ends on another thread
        try:
            make_private_folder(self._folder)
            lock.acquire(timeout=0)
        except (OSError, Timeout):
            log.exception("the answer could not be marked as being made")
            return
        with self._lock:
            self._held[node_id] = lock

    def end(self, node_id: str) -> None:
        """The answer has its final form. Idempotent."""
        with self._lock:
            lock = self._held.pop(node_id, None)
        if lock is not None:
            lock.release()
            self._remove(self._path(node_id))

    def lives(self, node_id: str) -> bool:
        """Whether a process, this one included, is making this answer."""
        return self._path(node_id).exists() and not _is_free(self._path(node_id))

    def close(self) -> None:
        """Give back what is held. Idempotent."""
        for node_id in list(self._held):
            self.end(node_id)

    def sweep(self) -> None:
        """Remove what killed processes left."""
        try:
            old = [path for path in self._folder.glob("*.lock") if time.time() - path.stat().st_mtime > _YOUNG_S]
        except OSError:
            log.exception("locks of answers could not be looked at")
            return
        for path in old:
            if _is_free(path):
                self._remove(path)

    def _path(self, node_id: str) -> Path:
        return self._folder / f"{node_id}.lock"

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            log.exception("%s could not be removed", path)


def _is_free(path: Path) -> bool:
    try:
        with FileLock(path, timeout=0):
            return True
    except (OSError, Timeout):  # held, or another user's
        return False
