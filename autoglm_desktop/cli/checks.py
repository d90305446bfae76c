"""What ``doctor`` looks at, one function for each thing. None of them changes anything."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from autoglm_desktop.app import has_display
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.store.schema import MIGRATIONS
from autoglm_desktop.store.schema import version as store_version

from .context import Context, log_path
from .output import as_size

SPARE_DISK_BYTES = 500_000_000
"""Room for conversations, logs and packed tiers once the model is here."""
_PROBE_S = 120.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `fix` is empty when there is nothing to do; a check that is not `required` never fails the whole."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    required: bool = True


def python(_context: Context) -> Check:
    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    fix = "" if supported else tr("Use Python 3.11, 3.12 or 3.13.")
    return Check("python", supported, f"{platform.python_version()} ({sys.executable})", fix)


def qt(_context: Context) -> Check:
    """Whether the libraries load that Qt's platform plugin for X11 is linked against."""
    spec = importlib.util.find_spec("PySide6")
    if spec is None or spec.origin is None:
        return Check("qt", False, tr("PySide6 is not installed."), tr("Run: bash packaging/run.sh --setup"))
    plugin = Path(spec.origin).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    if not plugin.exists():
        return Check("qt", True, tr("Qt's own platform of this system is used."))
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        fix = tr("Install the system package that has this library; bash packaging/run.sh --setup does it.")
        return Check("qt", False, str(error), fix)
    return Check("qt", True, tr("All libraries of Qt's X11 platform are there."))


def display(_context: Context) -> Check:
    if has_display():
        return Check("display", True, os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY", ""))
    fix = tr("Start it in a desktop session, or talk in the terminal: autoglm-desktop chat")
    return Check("display", False, tr("No display was found."), fix, required=False)


def audio(_context: Context) -> Check:
    """PortAudio and what it finds. Voice is not needed to chat."""
    try:
        import sounddevice

        devices = sounddevice.query_devices()
    except OSError as error:
        return Check("audio", False, str(error), tr("Install the system package libportaudio2."), required=False)
    except sounddevice.PortAudioError as error:
        return Check("audio", False, str(error), tr("Connect a microphone or start the sound server."), required=False)
    version = sounddevice.get_portaudio_version()[1]
    return Check("audio", True, tr("{version}, {count} devices", version=version, count=len(devices)), required=False)


def torch(_context: Context) -> Check:
    """Asked in a process of its own: this one never loads it."""
    command = [sys.executable, "-P", "-m", "autoglm_desktop.engine.runtime.probe"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=True)
        told = json.loads(found.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["?"])[-1]
        return Check("torch", False, last, tr("Run: bash packaging/run.sh --setup"))
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return Check("torch", False, str(error), tr("Run: bash packaging/run.sh --setup"))
    detail = tr(
        "torch {version}, {cpu}, {threads} threads, kernels: {kernels}",
        version=told["version"],
        cpu=told["cpu_capability"],
        threads=told["threads"],
        kernels=", ".join(told["kernels"]) or "-",
    )
    missing = {"int8", "int4"} - set(told["kernels"])
    fix = tr("This build lacks the kernels of {tiers}; use torch 2.13.0.", tiers=", ".join(sorted(missing)))
    return Check("torch", not missing, detail, fix if missing else "")


def memory(context: Context) -> Check:
    """Whether the chosen model's largest tier fits into what is free now."""
    found = psutil.virtual_memory()
    needed = _weights_bytes(context)
    detail = tr("{free} of {total} free", free=as_size(found.available), total=as_size(found.total))
    if found.available >= needed:
        return Check("memory", True, detail)
    fix = tr("FP16 needs {needed}: close other applications or use INT8 or INT4.", needed=as_size(needed))
    return Check("memory", False, detail, fix)


def disk(context: Context) -> Check:
    folder = _existing(context.paths.data_dir)
    free = shutil.disk_usage(folder).free
    try:
        info = context.library().info(context.settings.model_id)
        needed = SPARE_DISK_BYTES if info.installed else SPARE_DISK_BYTES + (info.needed_bytes or 0)
    except AppError:
        needed = SPARE_DISK_BYTES
    detail = tr("{free} free in {folder}", free=as_size(free), folder=str(folder))
    fix = (
        ""
        if free >= needed
        else tr("{needed} are needed: free some, or use another --data-dir.", needed=as_size(needed))
    )
    return Check("disk", free >= needed, detail, fix)


def data_folder(context: Context) -> Check:
    """Whether it can be written; a folder that is not there yet is judged by its parent."""
    folder = context.paths.data_dir
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Check("data_folder", True, str(folder))
    except OSError as error:
        fix = tr("Make it writable, or name another folder with --data-dir.")
        return Check("data_folder", False, f"{folder}: {error.strerror or error}", fix)


def settings(context: Context) -> Check:
    """What reading them told: a file set aside, unknown keys."""
    if not context.notices:
        return Check("settings", True, str(context.paths.settings))
    detail = " ".join(str(notice) for notice in context.notices)
    return Check("settings", False, detail, tr("Look at the file that is named; the valid settings are used."))


def database(context: Context) -> Check:
    path = context.paths.store
    if not path.exists():
        return Check("database", True, tr("No conversations yet."))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            newer = store_version(connection) > len(MIGRATIONS)
    except sqlite3.Error as error:
        found, newer = str(error), False
    if newer:
        fix = tr("Start the newer version, or move the file away.")
        return Check("database", False, tr("{path} was made by a newer version.", path=str(path)), fix)
    fix = "" if found == "ok" else tr("The next start sets the file aside and begins a new one.")
    return Check("database", found == "ok", f"{path}: {found}", fix)


def model(context: Context) -> Check:
    """The chosen model, every file of it read."""
    library, name = context.library(), context.settings.model_id
    try:
        library.verify(name)
    except AppError as error:
        return Check("model", False, str(error.report.cause), str(error.report.next_step))
    return Check("model", True, tr("{model} is here, its files are intact.", model=name))


def sources(context: Context) -> Check:
    """Why sources were passed over at the last pull."""
    try:
        failures = context.library().source_failures(context.settings.model_id)
    except AppError as error:
        return Check("sources", False, str(error.report.cause), str(error.report.next_step), required=False)
    if not failures:
        return Check("sources", True, tr("No source failed at the last download."), required=False)
    told = "; ".join(
        f"{failure.source}: {failure.reason} ({time.strftime('%Y-%m-%d %H:%M', time.localtime(failure.when_s))})"
        for failure in failures
    )
    return Check(
        "sources", False, told, tr("The next source was used. Check the network if you need this one."), required=False
    )


def gpu(_context: Context) -> Check:
    """NVIDIA's management library. Without a GPU the processor does the work."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Check(
            "gpu",
            False,
            tr("No NVIDIA GPU: {reason}.", reason=str(error)),
            tr("The processor is used."),
            required=False,
        )
    try:
        names = [
            pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(pynvml.nvmlDeviceGetCount())
        ]
    finally:
        pynvml.nvmlShutdown()
    return Check("gpu", bool(names), ", ".join(map(str, names)), required=False)


def logs(context: Context) -> Check:
    files = (context.paths.log, context.paths.engine_log, log_path(context.paths.data_dir))
    found = [str(path) for path in files if path.exists()]
    return Check(
        "log", True, ", ".join(found) or tr("Nothing was logged yet; logs go to {folder}.", folder=str(files[0].parent))
    )


CHECKS: tuple[Callable[[Context], Check], ...] = (
    python,
    qt,
    display,
    audio,
    torch,
    memory,
    disk,
    data_folder,
    settings,
    database,
    model,
    sources,
    gpu,
    logs,
)


def _weights_bytes(context: Context) -> int:
    """Size of the 16-bit weights of the chosen model; 0 while it is not here."""
    try:
        folder = Path(context.library().ref(context.settings.model_id).folder)
    except AppError:
        return 0
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
