"""From fetched or given files to an installed model: checked, converted, hashed, put in place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from autoglm_desktop.core.decoder_config import ModelConfig

from . import checkpoint
from .catalogue import ModelEntry
from .failures import disk_errors, require_disk
from .fetch import Fetched, Sources, fetch
from .manifest import Manifest, record_files
from .places import Places, remove_tree, tree_bytes
from .progress import Monitor, PullStage
from .reading import source_errors

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
            return _complete(folder, manifest) if entry.format == "safetensors" else manifest

        _install(places, manifest, monitor, build)


def add(source: Path, manifest: Manifest, places: Places, monitor: Monitor) -> None:
    """Install a copy of a folder in the Hugging Face layout, or of a GGUF model with its bf16 master.

    It is checked as a whole before anything is copied. Raises as `checkpoint.inspect`, `gguf_model.read_gguf` and
    `pull` do.
    """
    if source.is_dir():
        _add_folder(source, manifest, places, monitor)
    else:
        _add_gguf(source, manifest, places, monitor)


def _add_folder(source: Path, manifest: Manifest, places: Places, monitor: Monitor) -> None:
    files = checkpoint.inspect(source).files
    _add(files, places, manifest, monitor, build=lambda folder: _complete(folder, manifest))


def _add_gguf(source: Path, manifest: Manifest, places: Places, monitor: Monitor) -> None:
    from .gguf_model import read_gguf

    model = read_gguf(source)
    files = model.file.parts

    def build(folder: Path) -> Manifest:
        return _convert(folder / files[0].name, folder, manifest, monitor)

    _add(files, places, manifest, monitor, build=build, built_bytes=model.master_bytes + _SMALL_FILES_BYTES)


def _add(
    files: Sequence[Path], places: Places, manifest: Manifest, monitor: Monitor, *, build: Build, built_bytes: int = 0
) -> None:
    """Copy `files` into a folder that `build` completes; `built_bytes` is what that takes beside the copies."""
    with source_errors(files[0].parent):
        total = sum(file.stat().st_size for file in files)
    with disk_errors(places.models):
        places.models.mkdir(parents=True, exist_ok=True)
        require_disk(places.models, built_bytes + total)

        def copy_and_build(folder: Path) -> Manifest:
            done = 0
            for file in files:
                done = _copy(file, folder / file.name, monitor, done, total)
            return build(folder)

        _install(places, manifest, monitor, copy_and_build)


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
    model = convert(gguf, folder, monitor)
    made = _as_described(manifest, model.described, model.own_template)
    return made.model_copy(update={"gguf": gguf.name, "convert_s": round(time.monotonic() - started_s, 3)})


def _complete(folder: Path, manifest: Manifest) -> Manifest:
    """Check a folder in place and write what it needs beside its files."""
    checked = checkpoint.inspect(folder)
    for name, text in checked.made.items():
        (folder / name).unlink(missing_ok=True)  # it may be a second name of a file that is kept for the next try
        (folder / name).write_text(text, encoding="utf-8")
    return _as_described(manifest, checked.described, checked.own_template)


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


def _as_described(manifest: Manifest, described: ModelConfig, own_template: bool) -> Manifest:
    known = {
        "architecture": described.architecture,
        "context_tokens": described.context_tokens,
        "chat_template": "own" if own_template else "chatml",
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
    with target.open("wb") as write:
        for chunk in _chunks(source):
            write.write(chunk)
            done += len(chunk)
            monitor.report(PullStage.COPYING, done, total)
    return done


def _chunks(source: Path) -> Iterator[bytes]:
    with source_errors(source):
        read = source.open("rb")
    with read:
        while True:
            with source_errors(source):
                chunk = read.read(_COPY_BYTES)
            if not chunk:
                return
            yield chunk
