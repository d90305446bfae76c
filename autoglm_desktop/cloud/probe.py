"""A real request to an endpoint that says nothing of the user: whether address, model and key work."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import Failed, Finished, TextDelta, TurnEvent
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.routing import Endpoint

from .engine import CloudEngine, Limits

QUESTION = "Say hello."
_MAX_TOKENS = 16
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Probe:
    """What the endpoint said, and after how many seconds it was done."""

    text: str
    seconds: float


def probe(endpoint: Endpoint, cancelled: Callable[[], bool], *, limits: Limits | None = None) -> Probe:
    """Ask it to say hello. Blocks. Raises AppError: why it does not work, CANCELLED."""
    engine = CloudEngine(endpoint, _no_image, limits=limits or Limits(silence_s=30.0, total_s=60.0))
    over, events = threading.Event(), list[TurnEvent]()

    def sink(event: TurnEvent) -> None:
        events.append(event)
        if isinstance(event, Finished | Failed):
            over.set()

    began_s = time.monotonic()
    try:
        engine.submit(_request(), sink)
        while not over.wait(_LOOK_S):
            if cancelled():
                raise AppError(ErrorCode.CANCELLED, msg("The test was stopped."), msg("Test again."))
    finally:
        engine.close()
    last = events[-1]
    if isinstance(last, Failed):
        error = last.error
        raise AppError(error.code, error.cause, error.next_step, details=error.details)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return Probe(text.strip(), time.monotonic() - began_s)


def _request() -> TurnRequest:
    return TurnRequest(
        uuid.uuid4().hex,
        ModelRef("", ""),
        (Message.of(Role.USER, QUESTION),),
        Tier.FP16,
        Sampling(temperature=0.0),
        _MAX_TOKENS,
    )


def _no_image(_: ImagePart) -> bytes:
    raise AssertionError("a probe has no image")
