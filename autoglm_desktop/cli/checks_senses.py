"""What ``doctor`` looks at for images and speech. Nothing of it is needed to chat in text."""

from __future__ import annotations

import json
import subprocess
import sys

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.settings import SPEECH_MODEL_ID

from .check import Check
from .context import Context

_PROBE_S = 60.0


def speech(context: Context) -> Check:
    """The model that writes down speech, every file of it read."""
    library = context.library()
    try:
        library.verify(SPEECH_MODEL_ID)
    except AppError as error:
        return Check("speech", False, str(error.report.cause), str(error.report.next_step), required=False)
    detail = tr("{model} is here, its files are intact.", model=SPEECH_MODEL_ID)
    return Check("speech", True, detail, required=False)


def senses(_context: Context) -> Check:
    """Whether the packages are there and sound is decoded: asked in a process of its own."""
    command = [sys.executable, "-P", "-m", "autoglm_desktop.engine.runtime.probe_senses"]
    fix = tr("Run: bash packaging/run.sh --setup")
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=True)
        told = json.loads(found.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["?"])[-1]
        return Check("senses", False, last, fix, required=False)
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return Check("senses", False, str(error), fix, required=False)
    if told["missing"]:
        detail = tr("These packages are missing: {names}.", names=", ".join(told["missing"]))
        return Check("senses", False, detail, fix, required=False)
    if not told["decoded_s"]:
        return Check("senses", False, tr("FFmpeg does not decode sound."), fix, required=False)
    detail = tr("Images and sound can be read; FFmpeg {version} decodes.", version=told["ffmpeg"])
    return Check("senses", True, detail, required=False)
