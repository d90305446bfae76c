"""Files that appear whole or not at all, and places that only their owner may read."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_disk_full(error: OSError) -> bool:
    """Whether there was no room: the disk, the quota, or the bound on a file's size."""
    return error.errno in _DISK_FULL


def atomic_write(path: Path, data: bytes, *, private: bool = True) -> None:
    """Write a file as a whole or not at all; when this returns, it rests on the disk.

    `private`: only the owner may read it; else a file that is there keeps its rights, and a link leads to it.
    Raises OSError.
    """
    target = path if private else path.resolve()
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb", opener=private_opener if private else None) as file:
            file.write(data)
        if not private and target.exists():
            shutil.copymode(target, part)
        replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace(part: Path, target: Path) -> None:
    """Give a finished file its name, so that a power cut leaves the old one or the new one, whole. Raises OSError."""
    flush(part)
    part.replace(target)
    flush(target.parent)


def flush(path: Path) -> None:
    """Make sure that a file, or the names in a folder, rest on the disk. Windows has no way to flush a folder."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_opener(path: str, flags: int) -> int:
    """For ``open``: a file that is made may be read by its owner alone."""
    return os.open(path, flags, 0o600)


def make_private_folder(path: Path) -> None:
    """Make a folder for its owner alone; one that is there is made so, unless it is shared by design. Raises OSError.

    Shared: another user's, one for temporary files (sticky) or for a group (setgid), the root and a home folder.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    resolved = path.resolve()
    shared = found.st_mode & (stat.S_ISVTX | stat.S_ISGID) or resolved in {Path(resolved.anchor), Path.home()}
    if not shared:
        _tighten(path, found)


def make_private(path: Path) -> None:
    """Let only the owner read a file, if it is there and ours. Raises OSError."""
    if path.exists():
        _tighten(path, path.stat())


def _tighten(path: Path, found: os.stat_result) -> None:
    """Take the rights of group and others away; Windows keeps a user's data folder private by itself."""
    if os.name == "posix" and found.st_uid == os.geteuid() and found.st_mode & 0o077:
        path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
