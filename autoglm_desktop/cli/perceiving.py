"""A look at an image or a transcription on the command line: progress on standard error until the result is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from queue import SimpleQueue

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.events import Failed, PerceptionEvent, Phase, PhaseChanged
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.perception import ImageRead, LookRequest, Transcribed, TranscribeRequest

from .context import Context, keep_phone


def perceive(
    context: Context,
    request: LookRequest | TranscribeRequest,
    on_event: Callable[[PerceptionEvent], None] = lambda _event: None,
) -> tuple[ImageRead | Transcribed, TurnEnergy | None]:
    """The last event, from an engine of its own, and what it cost the simulated phone, which stays where that left it.

    Raises AppError; Ctrl-C ends the engine and comes out as it is.
    """
    with ExitStack() as closing:
        engine = context.engine()
        closing.callback(engine.close)
        energy = EnergyService(settings=context.settings, own_phones=context.paths.phones)
        closing.callback(keep_phone, context.paths, energy)
        meter = energy.begin(energy.decision.tier)
        events: SimpleQueue[PerceptionEvent] = SimpleQueue()
        engine.perceive(request, events.put)
        while True:
            event = events.get()
            energy.perceived(event, meter)
            match event:
                case ImageRead() | Transcribed():
                    return event, energy.end(meter)
                case Failed(error=error):
                    raise AppError(error.code, error.cause, error.next_step, details=error.details)
                case PhaseChanged(phase=Phase.LOADING, fraction=0.0) if sys.stderr.isatty():
                    print(tr("Loading what reads images and speech…"), file=sys.stderr)
                case _:
                    on_event(event)
