"""The packed file of a tier: where it is, how it is written without holding it in memory, how it is opened."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import torch
from filelock import FileLock
from safetensors import SafetensorError

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import atomic_write, is_disk_full, replace
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier

from .mapped import MappedFile

_LOG = logging.getLogger(__name__)
PACKING_VERSION = 6
_ALIGNMENT = 64
_DTYPES = {torch.int8: "I8", torch.uint8: "U8", torch.bfloat16: "BF16", torch.float32: "F32"}


class TierWriter:
    """Writes tensors to a safetensors file one after the other; the header, whose size is fixed first, comes last."""

    def __init__(self, file: BinaryIO, tensors_at_most: int) -> None:
        self._file = file
        self._header_bytes = 1024 + 160 * tensors_at_most
        self._header_bytes += -(8 + self._header_bytes) % _ALIGNMENT
        self._entries: dict[str, object] = {}
        self._end = 0
        file.seek(8 + self._header_bytes)

    def add(self, name: str, tensor: torch.Tensor) -> None:
        """Append one tensor."""
        data = tensor.contiguous().view(torch.uint8).numpy()
        self._file.write(data.data if data.size else b"")
        entry = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape)}
        self._entries[name] = entry | {"data_offsets": [self._end, self._end + data.size]}
        self._end += data.size

    def finish(self) -> None:
        """Write the header. Raises ValueError when there were more tensors than said."""
        header = json.dumps(self._entries).encode()
        if len(header) > self._header_bytes:
            raise ValueError("the header outgrew its room")
        self._file.seek(0)
        self._file.write(self._header_bytes.to_bytes(8, "little") + header.ljust(self._header_bytes))
        self._file.flush()
        os.fsync(self._file.fileno())


def open_or_make(folder: Path, tier: Tier, masters: list[Path], make: Callable[[BinaryIO], None]) -> MappedFile:
    """The packed file of `tier` for the weights in `masters`; `make` writes it where there is none that can be read.

    Made once: under a lock, in a temporary file that takes the final name when it is complete; files for other
    contents are removed.
    Raises AppError DISK_FULL or NOT_WRITABLE when it cannot be made.
    """
    home = folder / "tiers"
    try:
        home.mkdir(exist_ok=True)
        path = home / f"{tier.value}-v{PACKING_VERSION}-{content_hash(home, masters)[:20]}.safetensors"
        if opened := _try_open(path):
            return opened
        with FileLock(home / ".lock"):
            if opened := _try_open(path):  # another process may have made it meanwhile
                return opened
            _write(path, make)
            _remove_stale(path, tier)
            return MappedFile(path)
    except OSError as error:
        raise _cannot_write(home, error) from error


def content_hash(home: Path, masters: list[Path]) -> str:
    """SHA-256 over the master's files; kept in `home` beside their sizes and times, so that it is computed once."""
    stamp = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in masters]
    note = home / "master.json"
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        if known["files"] == stamp:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.debug("no usable hash of the master: %s", error)
    digest = hashlib.sha256()
    for path in masters:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    atomic_write(note, json.dumps({"files": stamp, "sha256": digest.hexdigest()}).encode())
    return digest.hexdigest()


def _try_open(path: Path) -> MappedFile | None:
    if not path.exists():
        return None
    try:
        return MappedFile(path)
    except (SafetensorError, OSError) as error:
        _LOG.warning("%s is damaged and is made again: %s", path.name, error)
        path.unlink(missing_ok=True)
        return None


def _write(path: Path, make: Callable[[BinaryIO], None]) -> None:
    temporary = path.with_suffix(".part")
    try:
        with temporary.open("wb") as file:
            make(file)
        replace(temporary, path)  # the name over bytes that never reached the disk would not be noticed
    finally:
        temporary.unlink(missing_ok=True)


def _remove_stale(path: Path, tier: Tier) -> None:
    for other in path.parent.glob(f"{tier.value}-*"):
        if other != path:
            other.unlink()


def _cannot_write(home: Path, error: OSError) -> AppError:
    if is_disk_full(error):
        return AppError(
            ErrorCode.DISK_FULL,
            msg("There is no room on the disk to prepare this precision in {path}.", path=str(home)),
            msg("Free some space, or use FP16, which needs none."),
            details=str(error),
        )
    return AppError(
        ErrorCode.NOT_WRITABLE,
        msg("This precision could not be prepared in {path}.", path=str(home)),
        msg("Make the folder writable, or use FP16, which needs no preparation."),
        details=str(error),
    )
