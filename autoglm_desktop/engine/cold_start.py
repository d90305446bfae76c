"""What a start costs with text alone and with everything loaded: measured in fresh engine processes, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier

SILENCE_S = 300.0
"""So long may a starting engine say nothing."""
GUIDE_MEMORY_RATIO = 3.2 / 24
GUIDE_TIME_RATIO = 1.4 / 8.2
"""The guide's cold start of the text backbone against everything: 3.2 of 24 GB, 1.4 of 8.2 s."""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """From the start of the process until all is loaded: seconds, resident bytes, and the state that was reached."""

    seconds: float
    rss_bytes: int
    status: EngineStatus


def cold_start(
    make: Callable[[], Engine],
    model: ModelRef,
    tier: Tier,
    speech_folder: str | None,
    stay: Callable[[float], None] = lambda _: None,
) -> ColdStart:
    """Start an engine that `make` makes and load the model, with `speech_folder` the reader of images and speech too.

    `stay` is called with the seconds that it took, before the engine is closed: it may let it stand for a while.
    Raises AppError: what the engine says, ENGINE_FAILED when it says nothing for too long.
    """
    engine = make()
    statuses: SimpleQueue[EngineStatus] = SimpleQueue()
    began_s = time.monotonic()
    try:
        engine.watch(statuses.put)
        engine.preload(model, tier)
        wanted: set[Modality] = set()
        if speech_folder is not None:
            wanted = set(Modality)
            engine.load_modality(Modality.VISION)
            engine.load_modality(Modality.SPEECH, speech_folder)
        while True:
            status = _next(statuses)
            if status.error is not None:
                error = status.error
                raise AppError(error.code, error.cause, error.next_step, details=error.details)
            if _complete(status, tier, wanted) and status.memory is not None:
                found = ColdStart(time.monotonic() - began_s, status.memory.rss_bytes, status)
                stay(found.seconds)
                return found
    finally:
        engine.close()


def compare(
    make: Callable[[], Engine], model: ModelRef, tier: Tier, speech_folder: str, rounds: int
) -> dict[str, object]:
    """Both starts in turns; the quickest of `rounds` of each, after one that only fills the disk's cache.

    Megabytes are 10^6 bytes. `ratio` is text only divided by everything.
    """
    both: dict[str, list[ColdStart]] = {"text_only": [], "everything": []}
    for number in range(rounds + 1):
        for name, folder in (("text_only", None), ("everything", speech_folder)):
            found = cold_start(make, model, tier, folder)
            if number:
                both[name].append(found)
    text, everything = (min(both[name], key=lambda start: start.seconds) for name in both)
    return {
        "tier": tier.value,
        "text_only": _figures(text),
        "everything": _figures(everything),
        "ratio": {
            "memory": round(text.rss_bytes / everything.rss_bytes, 3),
            "time": round(text.seconds / everything.seconds, 3),
        },
        "guide": {"memory": round(GUIDE_MEMORY_RATIO, 3), "time": round(GUIDE_TIME_RATIO, 3)},
    }


def _figures(start: ColdStart) -> dict[str, object]:
    parts = {
        modality.modality.value: {"mb": round(modality.bytes_held / 1e6, 1), "load_s": round(modality.load_s, 3)}
        for modality in start.status.modalities
    }
    return {"rss_mb": round(start.rss_bytes / 1e6, 1), "start_s": round(start.seconds, 3), **parts}


def _complete(status: EngineStatus, tier: Tier, wanted: set[Modality]) -> bool:
    loaded = {modality.modality for modality in status.modalities if modality.loaded}
    return status.state is EngineState.READY and status.tier is tier and wanted <= loaded


def _next(statuses: SimpleQueue[EngineStatus]) -> EngineStatus:
    try:
        return statuses.get(timeout=SILENCE_S)
    except Empty:
        raise AppError(
            ErrorCode.ENGINE_FAILED,
            msg("The engine has said nothing for {minutes} minutes.", minutes=int(SILENCE_S / 60)),
            msg("Start again; autoglm-desktop doctor names the log."),
        ) from None
