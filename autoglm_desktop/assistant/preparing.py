"""Packing a model's tiers ahead of the first start: the engine does it, in its own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier

ALL_TIERS = (Tier.INT8, Tier.INT4, Tier.FP16)
SILENCE_S = 600.0
"""So long may the engine say nothing while it packs: a model of 9 B takes minutes for a tier."""


_LOOK_S = 0.2


def never() -> bool:
    """Nobody cancels."""
    return False


def load_tier(
    engine: Engine,
    model: ModelRef,
    tier: Tier,
    on_fraction: Callable[[float], None],
    cancelled: Callable[[], bool] = never,
) -> float:
    """Load the model in `tier`, which packs it the first time; returns the seconds that it took. Blocks.

    Raises AppError: what the engine says, ENGINE_FAILED when it says nothing for too long, CANCELLED.
    """
    statuses: SimpleQueue[EngineStatus] = SimpleQueue()
    unwatch = engine.watch(statuses.put)
    began_s = time.monotonic()
    try:
        engine.preload(model, tier)
        while True:
            status = _next(statuses, cancelled)
            if status.error is not None:
                error = status.error
                raise AppError(error.code, error.cause, error.next_step, details=error.details)
            if status.load_fraction is not None:
                on_fraction(status.load_fraction)
            if status.state is EngineState.READY and status.tier is tier and status.model_id == model.model_id:
                return time.monotonic() - began_s
    finally:
        unwatch()


def _next(statuses: SimpleQueue[EngineStatus], cancelled: Callable[[], bool]) -> EngineStatus:
    deadline_s = time.monotonic() + SILENCE_S
    while time.monotonic() < deadline_s:
        if cancelled():
            raise AppError(
                ErrorCode.CANCELLED,
                msg("Preparing the model was stopped."),
                msg("What is not prepared yet is prepared at its first use."),
            )
        try:
            return statuses.get(timeout=_LOOK_S)
        except Empty:
            continue
    raise AppError(
        ErrorCode.ENGINE_FAILED,
        msg("The engine has said nothing for {minutes} minutes.", minutes=int(SILENCE_S / 60)),
        msg("Start again; autoglm-desktop doctor names the log."),
    )
