"""Where models lie in the data folder, and how a finished one gets there."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.file_names import is_plain_name
from autoglm_desktop.core.files import flush, make_private_folder
from autoglm_desktop.core.i18n import msg

from .catalogue import ID_PATTERN
from .progress import Monitor, PullStage

_LOCK_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Places:
    """``models/<id>`` (installed), ``models/.staging/<id>`` (in the making), ``models/.sources`` (notes), locks."""

    data_dir: Path

    @property
    def models(self) -> Path:
        return self.data_dir / "models"

    def installed(self, model_id: str) -> Path:
        """Every place of a model raises AppError MODEL_UNKNOWN for a name that could lead out of its folder."""
        return self.models / _checked(model_id)

    def staging(self, model_id: str) -> Path:
        return self.models / ".staging" / _checked(model_id)

    def note(self, model_id: str) -> Path:
        return self.models / ".sources" / f"{_checked(model_id)}.json"

    @contextmanager
    def locked(self, model_id: str, monitor: Monitor) -> Iterator[None]:
        """Hold the model alone among all processes; while another has it, the wish to stop is polled."""
        path = self.models / ".locks" / f"{_checked(model_id)}.lock"
        make_private_folder(self.data_dir)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        while True:
            try:
                lock.acquire(timeout=_LOCK_POLL_S)
                break
            except filelock.Timeout:
                monitor.report(PullStage.CONNECTING)
        try:
            yield
        finally:
            lock.release()

    def place(self, built: Path, model_id: str) -> None:
        """Make a finished folder the installed one, by renaming: whatever happens, one of the two states is there."""
        target = self.installed(model_id)
        if target.exists():  # an incomplete one; a complete one is never replaced
            old = self.staging(model_id) / "old"
            remove_tree(old)
            target.rename(old)
        built.rename(target)
        flush(self.models)
        remove_tree(self.staging(model_id))


def is_model_id(name: str) -> bool:
    """Whether a model may be called so: its folder has that name."""
    return re.fullmatch(ID_PATTERN, name) is not None and is_plain_name(name)


def unknown_model(model_id: str) -> AppError:
    """The error for a name that no model has."""
    return AppError(
        ErrorCode.MODEL_UNKNOWN,
        msg("There is no model named {model}.", model=model_id),
        msg("See all names with: autoglm-desktop models list"),
    )


def _checked(model_id: str) -> str:
    if not is_model_id(model_id):
        raise unknown_model(model_id)
    return model_id


def remove_tree(path: Path) -> int:
    """Remove a folder if it is there; returns the bytes that it held."""
    if not path.exists():
        return 0
    held = tree_bytes(path)
    shutil.rmtree(path)
    return held


def tree_bytes(path: Path) -> int:
    """What the files of a folder weigh together; one that vanishes meanwhile weighs nothing."""
    total = 0
    for file in path.rglob("*"):
        with suppress(FileNotFoundError):
            found = file.stat()
            total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total
