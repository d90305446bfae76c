"""What the strip above the composer shows of voice. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text


class VoicePhase(StrEnum):
    IDLE = "idle"
    OPENING = "opening"
    """The microphone is being opened: what is said now is not heard."""
    RECORDING = "recording"
    WRITING = "writing"
    """The recording is over and is being written down."""
    LISTENING = "listening"
    """Hands-free, nobody speaks."""
    HEARING = "hearing"
    """Hands-free, somebody speaks."""


RECORDS = frozenset({VoicePhase.OPENING, VoicePhase.RECORDING})
HANDS_FREE = frozenset({VoicePhase.LISTENING, VoicePhase.HEARING})


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with the file `source`, or with what was recorded."""

    error: ErrorReport
    source: str = ""

    def line(self) -> str:
        """In the current language; it names the file."""
        line = self.error.line()
        return line if self.source in line else f"{self.source}: {line}"


@dataclass(frozen=True, slots=True)
class VoiceState:
    """`level` 0 to 1, `seconds` of the recording; `told` are sentences to read, `problems` what went wrong."""

    phase: VoicePhase = VoicePhase.IDLE
    level: float = 0.0
    seconds: float = 0.0
    told: tuple[Text, ...] = ()
    problems: tuple[Problem, ...] = ()
    offers_model: bool = False
    """Whether the model that writes down speech is missing and is offered."""
    loading: bool = False
    """Whether that model is being loaded into memory before it writes."""
    queued: bool = False
    """Whether the engine has something else to do first."""
    source: str = ""
    """Name of the file that is written down, if it is one."""

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to show."""
        return self.phase is VoicePhase.IDLE and not (self.told or self.problems or self.offers_model)
