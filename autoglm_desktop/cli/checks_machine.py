"""What ``doctor`` looks at in this machine and its software. Nothing is changed."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from autoglm_desktop.app import has_display
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr

from .check import Check
from .context import Context
from .output import as_size

_PROBE_S = 120.0


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
        "torch {version}, {cpu}, {threads} threads; 8- and 4-bit products {products}",
        version=told["version"],
        cpu=told["cpu_capability"],
        threads=told["threads"],
        products=tr("with VNNI") if told["vnni"] else tr("without VNNI"),
    )
    return Check("torch", True, detail)


def memory(context: Context) -> Check:
    """Whether the chosen model's largest tier fits into what is free now."""
    found = psutil.virtual_memory()
    needed = _weights_bytes(context)
    detail = tr("{free} of {total} free", free=as_size(found.available), total=as_size(found.total))
    if found.available >= needed:
        return Check("memory", True, detail)
    fix = tr("FP16 needs {needed}: close other applications or use INT8 or INT4.", needed=as_size(needed))
    return Check("memory", False, detail, fix)


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


def _weights_bytes(context: Context) -> int:
    """Size of the 16-bit weights of the chosen model; 0 while it is not here."""
    try:
        folder = Path(context.library().ref(context.settings.model_id).folder)
    except AppError:
        return 0
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
