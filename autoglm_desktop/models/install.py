"""From fetched or given files to an installed model: checked, converted, hashed, put in place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import checkpoint
from .catalogue import ModelEntry
from .failures import disk_errors, require_disk
from .fetch import Fetched, Sources, fetch
from .manifest import Manifest, record_files
from .places import Places, remove_tree, tree_bytes
from .progress import Monitor, PullStage

Build = Callable[[Path], Manifest]
"""Fills an empty folder and says what it is."""

_COPY_BYTES = 1 << 22
_SMALL_FILES_BYTES = 32_000_000
"""What a tokenizer and the configuration take beside the weights, at most."""


def pull(entry: ModelEntry, places: Places, sources: Sources, monitor: Monitor) -> None:
    """Fetch and install a model of the catalogue. The caller holds its lock.

    Raises AppError: DISK_FULL, NOT_WRITABLE, DOWNLOAD_FAILED, WEIGHTS_CORRUPT, UNSUPPORTED_ARCHITECTURE,
    UNSAFE_CHECKPOINT, CANCELLED. What was fetched is kept in the staging folder for the next try.
    """
    staging = places.staging(entry.id)
    files = staging / "files"
    with disk_errors(places.models):
        staging.mkdir(parents=True, exist_ok=True)
        remove_tree(staging / "built")
        require_disk(staging, (entry.needed_bytes or 0) - tree_bytes(staging))
        fetched = fetch(entry, staging, places.note(entry.id), sources, monitor)
        manifest = _describe(entry, fetched)

        def build(folder: Path) -> Manifest:
            for file in files.iterdir():
                _link(file, folder / file.name)
            if entry.format == "gguf":
                return _convert(files / entry.file[0].name, folder, manifest, monitor)
            return _as_configured(manifest, checkpoint.inspect(folder)) if entry.format == "safetensors" else manifest

        _install(places, manifest, monitor, build)


def add_folder(path: Path, manifest: Manifest, places: Places, monitor: Monitor) -> None:
    """Install a copy of a folder in the Hugging Face layout. Raises as `checkpoint.inspect` and `pull` do."""
    described = _as_configured(manifest, checkpoint.inspect(path))
    files = checkpoint.files_of(path)
    needed = sum(file.stat().st_size for file in files)
    _add(files, needed, described, places, monitor)


def add_gguf(path: Path, manifest: Manifest, places: Places, monitor: Monitor) -> None:
    """Install a copy of a GGUF file with its bf16 master. Raises as `convert.convert` and `pull` do."""
    from .convert import master_bytes

    needed = path.stat().st_size + master_bytes(path) + _SMALL_FILES_BYTES
    _add([path], needed, manifest, places, monitor)


def _add(files: list[Path], needed: int, manifest: Manifest, places: Places, monitor: Monitor) -> None:
    with disk_errors(places.models):
        places.models.mkdir(parents=True, exist_ok=True)
        require_disk(places.models, needed)
        total = sum(file.stat().st_size for file in files)

        def build(folder: Path) -> Manifest:
            done = 0
            for file in files:
                done = _copy(file, folder / file.name, monitor, done, total)
            gguf = folder / files[0].name
            return _convert(gguf, folder, manifest, monitor) if gguf.suffix == ".gguf" else manifest

        _install(places, manifest, monitor, build)


def _install(places: Places, manifest: Manifest, monitor: Monitor, build: Build) -> None:
    """Build in the staging folder, write the manifest, rename. A build that fails leaves nothing."""
    built = places.staging(manifest.id) / "built"
    remove_tree(built)
    built.mkdir(parents=True)
    try:
        made = build(built)
        files = record_files(built, monitor)
        made = made.model_copy(update={"files": files, "made_s": time.time()})
        made.write(built)
        monitor.check()
        if not made.complete(built):  # it would be in place, and never listed
            raise AssertionError(f"{manifest.id} was built incomplete")
        places.place(built, manifest.id)
    except BaseException:
        remove_tree(built)
        raise


def _convert(gguf: Path, folder: Path, manifest: Manifest, monitor: Monitor) -> Manifest:
    from .convert import convert

    started_s = time.monotonic()
    convert(gguf, folder, monitor)
    made = _as_configured(manifest, checkpoint.read_config(folder))
    return made.model_copy(update={"gguf": gguf.name, "convert_s": round(time.monotonic() - started_s, 3)})


def _describe(entry: ModelEntry, fetched: Fetched) -> Manifest:
    return Manifest(
        id=entry.id,
        display_name=entry.display_name,
        modalities=entry.modalities,
        languages=entry.languages,
        license=entry.license or fetched.license,
        architecture=entry.architecture,
        context_tokens=entry.context_tokens,
        source=fetched.source,
        commit=fetched.commit,
    )


def _as_configured(manifest: Manifest, config: dict[str, Any]) -> Manifest:
    known = {
        "architecture": str(config["model_type"]),
        "context_tokens": config.get("max_position_embeddings", manifest.context_tokens),
    }
    return manifest.model_copy(update=known)


def _link(source: Path, target: Path) -> None:
    """Both names of one file, so that a failure later costs no second download; a copy where the disk has no links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _copy(source: Path, target: Path, monitor: Monitor, done: int, total: int) -> int:
    """Copy a file and tell how far it is, after `done` of `total` bytes; returns the bytes done then."""
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(_COPY_BYTES):
            write.write(chunk)
            done += len(chunk)
            monitor.report(PullStage.COPYING, done, total)
    return done
