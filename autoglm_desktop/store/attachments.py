"""Files that belong to conversations, each under the SHA-256 of its bytes, in one folder.

A file appears under its name whole or not at all, and is on the disk when `put` returns. Nothing here knows who refers
to a file: the store asks for its removal. The folder of a store in memory is private to this process and goes with it;
what a killed process left of such a folder is removed by the next one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

from autoglm_desktop.core.files import atomic_write, make_private_folder

from .failures import told

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
"""The media types that are kept, and how their files end."""
_NAME = re.compile(r"([0-9a-f]{64})\.(?:png|jpg|webp)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PRIVATE = "autoglm-desktop-"
_LOCK = "held.lock"
_YOUNG_S = 60.0  # a folder may not have its lock yet


class Attachments:
    """A folder of files by content hash. Callable from any thread and process.

    Methods raise AppError NOT_WRITABLE or DISK_FULL when the folder fails, but `path`, which finds nothing then.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first file comes."""
        self._folder = folder

    @staticmethod
    def hash_of(data: bytes) -> str:
        """The name of these bytes."""
        return hashlib.sha256(data).hexdigest()

    def path(self, sha256: str) -> Path | None:
        """The file of that hash, if it is here."""
        if _SHA256.fullmatch(sha256) is None:
            return None
        candidates = (self._folder / (sha256 + suffix) for suffix in SUFFIXES.values())
        return next((path for path in candidates if path.is_file()), None)

    def read(self, sha256: str) -> bytes | None:
        """The bytes; None when the file is gone, cannot be read or holds something else by now."""
        path = self.path(sha256)
        try:
            data = path.read_bytes() if path is not None else None
        except OSError:
            return None
        return data if data is not None and self.hash_of(data) == sha256 else None

    def put(self, data: bytes, media_type: str) -> str:
        """Keep the bytes; returns their hash. What is here already, and whole, is not written again."""
        sha256 = self.hash_of(data)
        if self.read(sha256) is not None:
            return sha256
        folder = self._made()
        with told(folder):
            atomic_write(folder / (sha256 + SUFFIXES[media_type]), data)
        return sha256

    def remove(self, sha256: str) -> None:
        """Nothing happens when it is not here."""
        path = self.path(sha256)
        if path is not None:
            with told(self._folder):
                path.unlink(missing_ok=True)

    def names(self) -> set[str]:
        """The hashes of all files."""
        found: set[str] = set()
        with told(self._folder):
            if not self._folder.is_dir():
                return found
            for entry in os.scandir(self._folder):
                if (match := _NAME.fullmatch(entry.name)) is not None:
                    found.add(match[1])
        return found

    def remove_parts(self) -> None:
        """Remove half-written files of a crash. Only while no other process can be writing."""
        with told(self._folder):
            for path in self._folder.glob(".*"):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to give back: the files stay."""

    def _made(self) -> Path:
        with told(self._folder):
            make_private_folder(self._folder)
        return self._folder


class PrivateAttachments(Attachments):
    """A folder of this process alone, readable by nobody else, that `close` removes."""

    def __init__(self, parent: Path | None) -> None:
        """`parent` holds such folders, the system's folder for temporary files without one."""
        super().__init__(Path())
        self._parent = parent or Path(tempfile.gettempdir())
        self._lock: FileLock | None = None
        _sweep(self._parent)

    def path(self, sha256: str) -> Path | None:
        return super().path(sha256) if self._lock is not None else None

    def names(self) -> set[str]:
        return super().names() if self._lock is not None else set()

    def close(self) -> None:
        """Remove everything. Idempotent."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        lock.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _made(self) -> Path:
        if not self._folder.is_dir():  # somebody who cleans up (the kiosk) takes the whole folder
            self.close()
        if self._lock is None:
            with told(self._parent):
                make_private_folder(self._parent)
                self._folder = Path(tempfile.mkdtemp(prefix=_PRIVATE, dir=self._parent))
                lock = FileLock(self._folder / _LOCK, thread_local=False)  # closed by another thread
                lock.acquire(timeout=0)
                self._lock = lock
        return self._folder


def _sweep(parent: Path) -> None:
    """Remove private folders whose process is gone: nobody holds their lock."""
    try:
        old = (path for path in parent.glob(_PRIVATE + "*") if time.time() - path.stat().st_mtime > _YOUNG_S)
        left = [path for path in old if (path / _LOCK).is_file()]
    except OSError:
        return
    for folder in left:
        try:
            with FileLock(folder / _LOCK, timeout=0):
                pass
        except (OSError, Timeout):  # in use, or another user's
            continue
        shutil.rmtree(folder, ignore_errors=True)
