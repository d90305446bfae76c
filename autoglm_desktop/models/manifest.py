"""``autoglm.json``: what an installed model is, where it came from, and the hash of each of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import autoglm_desktop
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.file_names import PlainName, PlainPath
from autoglm_desktop.core.files import flush
from autoglm_desktop.core.i18n import msg

from .progress import Monitor, PullStage

NAME = "autoglm.json"


class FileRecord(BaseModel):
    """Size in bytes and SHA-256 of a file."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """The note beside an installed model. `files` by path relative to the folder, `gguf` the file that the weights were
    converted from (kept beside them; the first of a split one), `chat_template` the model's own or the common one. Keys
    of a newer version are ignored."""

    model_config = ConfigDict(frozen=True)

    id: str
    display_name: str
    modalities: tuple[str, ...]
    languages: tuple[str, ...] = ()
    license: str | None = None
    architecture: str
    context_tokens: int | None = None
    source: str
    commit: str | None = None
    made_by: str = autoglm_desktop.__version__
    made_s: float = 0.0
    convert_s: float | None = None
    gguf: PlainName | None = None
    chat_template: Literal["own", "chatml"] | None = None
    files: dict[PlainPath, FileRecord] = {}

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of a folder, or None where there is no readable one (no installed model)."""
        try:
            return cls.model_validate_json((folder / NAME).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, folder: Path) -> None:
        """Write it and make sure that it and every file of `folder` rest on the disk."""
        (folder / NAME).write_text(self.model_dump_json(indent=1), encoding="utf-8")
        for path in [*folder.rglob("*"), folder]:
            flush(path)

    def complete(self, folder: Path) -> bool:
        """Whether every file is there in its size: quick, without reading them."""
        return all(_size(folder / name) == record.size for name, record in self.files.items())

    def verify(self, folder: Path, monitor: Monitor) -> None:
        """Read every file and compare. Raises AppError WEIGHTS_CORRUPT that names the first wrong one, CANCELLED."""
        read = _Reading(sum(record.size for record in self.files.values()), monitor)
        for name, record in self.files.items():
            if _size(folder / name) != record.size or read.digest(folder / name) != record.sha256:
                raise AppError(
                    ErrorCode.WEIGHTS_CORRUPT,
                    msg("The file {name} of the model {model} is damaged.", name=name, model=self.id),
                    msg(
                        "Remove the model and fetch it again: models remove {model}, models pull {model}.",
                        model=self.id,
                    ),
                )


def record_files(folder: Path, monitor: Monitor) -> dict[str, FileRecord]:
    """Size and hash of every file in `folder` but the manifest itself."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    read = _Reading(sum(path.stat().st_size for path in paths), monitor)
    return {
        path.relative_to(folder).as_posix(): FileRecord(size=path.stat().st_size, sha256=read.digest(path))
        for path in paths
    }


class _Reading:
    """Reads files of `total_bytes` together and tells how far it is."""

    def __init__(self, total_bytes: int, monitor: Monitor) -> None:
        self._total_bytes, self._done_bytes, self._monitor = total_bytes, 0, monitor

    def digest(self, path: Path) -> str:
        """The SHA-256 of a file. Raises AppError CANCELLED when the user asked to stop."""
        found = hashlib.sha256()
        buffer = memoryview(bytearray(1 << 20))
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                found.update(buffer[:count])
                self._done_bytes += count
                self._monitor.report(PullStage.VERIFYING, self._done_bytes, self._total_bytes)
        return found.hexdigest()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
