"""What the client tells when a turn ends without a word of the engine."""

from __future__ import annotations

import signal
import sys

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import Failed, Finished, FinishReason, Memory, Usage
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import TurnRequest
from autoglm_desktop.core.perception import LookRequest, TranscribeRequest
from autoglm_desktop.core.precision import Tier

CANCELLED = ErrorReport(
    ErrorCode.CANCELLED, msg("Stopped before it was complete."), msg("Start it again when you like.")
)


def closed(turn_id: str) -> Failed:
    """The application ends."""
    return Failed(
        turn_id,
        ErrorReport(
            ErrorCode.CANCELLED,
            msg("The application was closed before the answer was complete."),
            msg("Ask again to get the whole answer."),
        ),
    )


def cancelled_before_begin(request: TurnRequest) -> Finished:
    """Stopped before the model saw the prompt: nothing was counted."""
    seed = request.sampling.seed or 0
    nothing = Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, request.tier, seed, 0, Memory(0, 0, 0))
    return Finished(request.turn_id, FinishReason.CANCELLED, nothing)


def perception_cancelled(request: LookRequest | TranscribeRequest) -> Failed:
    """A look or a transcription that the user stopped."""
    return Failed(request.turn_id, CANCELLED)


def not_started(error: OSError) -> ErrorReport:
    return ErrorReport(
        ErrorCode.ENGINE_FAILED,
        msg("The engine could not be started: {reason}.", reason=error.strerror or str(error)),
        msg("Close other applications and ask again."),
        str(error),
    )


def not_sendable(error: Exception) -> ErrorReport:
    return ErrorReport(
        ErrorCode.BAD_INPUT,
        msg("The prompt cannot be sent to the engine: it is too long, or not valid text."),
        msg("Shorten it, or remove what is not text."),
        str(error),
    )


def refused(reason: str) -> ErrorReport:
    return ErrorReport(
        ErrorCode.ENGINE_FAILED,
        msg("The engine did not understand the request."),
        msg("Restart the application; if it happens again, reinstall it."),
        reason,
    )


def died(exit_code: int, last_words: str, tier: Tier | None = None) -> ErrorReport:
    """The process ended by itself: `exit_code` as subprocess gives it, a negative one being a signal.

    `tier` is what it answered in or loaded. A smaller one is suggested after a kill, which is the system's way to get
    memory back.
    """
    smaller = tier.smaller if tier is not None and _killed(exit_code) else None
    return ErrorReport(
        ErrorCode.ENGINE_DIED,
        _cause_of_death(exit_code),
        msg("What had arrived is kept. Ask again: the engine starts anew. A smaller tier or model needs less memory."),
        f"exit status {exit_code}\n{last_words}".strip(),
        smaller,
    )


def _killed(exit_code: int) -> bool:
    return sys.platform != "win32" and exit_code == -signal.SIGKILL


def _cause_of_death(exit_code: int) -> Text:
    if _killed(exit_code):
        return msg("The engine was ended by the system (signal 9), often for lack of memory.")
    if exit_code < 0:
        return msg("The engine crashed (signal {number}).", number=-exit_code)
    return msg("The engine ended unexpectedly (status {number}).", number=exit_code)
