"""What a `ScriptedEngine` plays."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.messages import TurnRequest
from autoglm_desktop.core.perception import ImageReading, LookRequest, TranscribeRequest, Transcript

_PIECES = re.compile(r"\s+|[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+")


def pieces(text: str) -> list[str]:
    """The tokens of a script: spaces, words, single Chinese characters. Joined they are the text."""
    return _PIECES.findall(text)


class Hold:
    """A point of a reply at which the engine waits. Cancelling the turn or closing the engine goes on, too."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        """Set when the engine stands there."""
        self._released = False
        self._change = threading.Condition()

    def release(self) -> None:
        """Let the engine go on, now and when it comes by again."""
        with self._change:
            self._released = True
            self._change.notify_all()

    def look(self) -> None:
        """Make the waiting engine look again whether its turn goes on."""
        with self._change:
            self._change.notify_all()

    def wait(self, is_over: Callable[[], bool], has_work: Callable[[], bool]) -> bool:
        """Called by the engine: True when it goes on, False when there is something to do meanwhile."""
        self.reached.set()
        with self._change:
            self._change.wait_for(lambda: self._released or is_over() or has_work())
            return self._released or is_over()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the script. The reasoning is played when the request asks to think.

    `hold` stops after `hold_after` pieces of the text. `error` ends the turn after `error_after` pieces, or after the
    text; `load_error` before it, as a model that does not load. `load_steps` are the fractions told while loading, when
    nothing was loaded yet.
    """

    text: str = ""
    reasoning: str = ""
    hold: Hold | None = None
    hold_after: int = 0
    error: ErrorReport | None = None
    error_after: int | None = None
    load_error: ErrorReport | None = None
    load_steps: tuple[float, ...] = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Senses:
    """What the script reads in images and hears in recordings. A report fails the request.

    `hold` stops before the result. `load_error` is that of either modality. `bytes_held` is told of a loaded one.
    """

    read: Callable[[LookRequest], ImageReading | ErrorReport] | None = None
    hear: Callable[[TranscribeRequest], Transcript | ErrorReport] | None = None
    hold: Hold | None = None
    load_error: ErrorReport | None = None
    load_steps: tuple[float, ...] = (0.0, 1.0)
    bytes_held: int = 0


Script = Sequence[Reply] | Callable[[TurnRequest], Reply]
