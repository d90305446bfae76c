"""Scenarios of a battery: where a phone starts, what surrounds it, what is asked of it, and what it must reach.

One TOML file each, in ``resources/scenarios/`` and in the user's own folder. Every key is checked: unknown ones, wrong
types, times before the start, phases that overlap and workloads without end are refused with file, key and range.

Times are clock times ``"HH:MM"`` or ``"HH:MM:SS"``; hours beyond 24 are those of the next days, as in timetables
(``"32:00"`` is 8 in the morning after). Between phases the phone lies idle in the starting temperature.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_DAYS = 7
MAX_TURNS = 20_000
"""Turns that a scenario may bring about, random ones included."""
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?\Z")


def clock_s(text: object) -> float:
    """Seconds since midnight of the first day for ``"HH:MM"`` or ``"HH:MM:SS"``; ValueError for anything else."""
    found = _CLOCK.match(text) if isinstance(text, str) else None
    if found is None or int(found[1]) > 24 * (MAX_DAYS + 1):
        raise ValueError(f'a clock time "HH:MM" or "HH:MM:SS" from "00:00" to "{24 * (MAX_DAYS + 1)}:00" is expected')
    return 3600.0 * int(found[1]) + 60.0 * int(found[2]) + float(found[3] or 0)


def clock_text(seconds: float) -> str:
    """``HH:MM`` of the day for seconds since midnight of the first one."""
    minutes = int(seconds // 60.0)
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _pair(value: object) -> object:
    """One number stands for a range of one value."""
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Clock = Annotated[float, BeforeValidator(clock_s)]
AmbientC = Annotated[float, Field(ge=-20.0, le=50.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, le=86_400.0)]
PromptTok = Annotated[int, Field(ge=0, le=100_000)]
AnswerTok = Annotated[int, Field(ge=1, le=20_000)]
Images = Annotated[int, Field(ge=0, le=100)]
SpeechS = Annotated[float, Field(ge=0.0, le=7200.0)]
TurnCount = Annotated[int, Field(ge=1, le=1000)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)


class Words(_Section):
    """A name or a description in both languages."""

    en: str = Field(min_length=1, max_length=400)
    zh_cn: str = Field(min_length=1, max_length=400, alias="zh_CN")

    def of(self, language: str) -> str:
        return self.zh_cn if language == "zh_CN" else self.en


class Start(_Section):
    time: Clock
    battery_percent: float = Field(ge=0.0, le=100.0)
    ambient_c: AmbientC = 25.0
    body_c: float | None = Field(default=None, ge=-20.0, le=60.0, description="of the phone; default: like the air")


class Goal(_Section):
    """What the user wants: the battery lasts until then, and `reserve_percent` are left."""

    until: Clock
    reserve_percent: float = Field(default=5.0, ge=0.0, le=100.0)


class Phase(_Section):
    """What surrounds the phone from `begin` to `end`. Phases must not overlap.

    A run answers every question on the phone, so `network` changes none of its figures: a cloud that answers costs the
    phone next to nothing, and every policy would win by it. Traffic of other apps is `radio`.
    """

    name: str = Field(default="", max_length=80)
    begin: Clock
    end: Clock
    ambient_c: AmbientC | None = Field(default=None, description="default: that of the start")
    plugged: bool = False
    screen: Share = Field(default=0.0, description="brightness while nothing is asked of the assistant")
    asleep: bool = Field(default=False, description="in standby while nothing is asked; the screen must be off")
    network: bool = Field(default=True, description="whether a cloud model could be reached; changes no figure")
    radio: Share = Field(
        default=0.0, description="share of the time in which other apps send or receive; it stays up in between"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.begin < self.end:
            raise ValueError("begin must come before end")
        if self.asleep and self.screen > 0.0:
            raise ValueError("a phone that is asleep has its screen off: screen must be 0")
        return self


class Conversation(_Section):
    """Turns at a given time, all of the same size, `gap_s` seconds from one question to the next."""

    at: Clock
    turns: TurnCount = 1
    gap_s: Seconds = 60.0
    prompt_tok: PromptTok = Field(default=60, description="new tokens of a question; the history is in the KV cache")
    answer_tok: AnswerTok = Field(default=150, description="with its reasoning")
    images: Images = Field(default=0, description="in the first question")
    speech_s: SpeechS = Field(default=0.0, description="of every question, when it is spoken")
    screen: Share | None = Field(default=None, description="brightness while it answers; default: the phone's usual")
    repeats: bool = Field(default=False, description="asks what was asked before: a cached answer may do")


class Random(_Section):
    """Conversations at random moments (a Poisson process), sizes drawn evenly from ``[least, most]``."""

    begin: Clock
    end: Clock
    per_hour: float = Field(gt=0.0, le=720.0, description="conversations, on average")
    turns: Annotated[tuple[TurnCount, TurnCount], BeforeValidator(_pair)] = (1, 3)
    gap_s: Annotated[tuple[Seconds, Seconds], BeforeValidator(_pair)] = (40.0, 90.0)
    prompt_tok: Annotated[tuple[PromptTok, PromptTok], BeforeValidator(_pair)] = (20, 120)
    answer_tok: Annotated[tuple[AnswerTok, AnswerTok], BeforeValidator(_pair)] = (60, 260)
    images: Annotated[tuple[Images, Images], BeforeValidator(_pair)] = (0, 0)
    speech_s: Annotated[tuple[SpeechS, SpeechS], BeforeValidator(_pair)] = (0.0, 0.0)
    screen: Share | None = None
    repeats: Share = Field(default=0.0, description="share of turns that ask what was asked before")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.begin < self.end:
            raise ValueError("begin must come before end")
        for name in ("turns", "gap_s", "prompt_tok", "answer_tok", "images", "speech_s"):
            least, most = getattr(self, name)
            if least > most:
                raise ValueError(f"{name}: the least must not be above the most")
        return self

    def expected_turns(self) -> float:
        """Upper estimate of how many turns this brings about."""
        return (self.end - self.begin) / 3600.0 * self.per_hour * self.turns[1]


class Scenario(_Section):
    """One scenario. `end` is when the simulation stops; a phone that went off earlier stays in it."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    name: Words
    description: Words
    phone: str = Field(
        default="guide-phone", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="unless another is chosen"
    )
    seed: int = Field(default=1, ge=0, le=2**53)
    end: Clock
    start: Start
    goal: Goal | None = None
    phases: tuple[Phase, ...] = Field(default=(), max_length=2000)
    conversations: tuple[Conversation, ...] = Field(default=(), max_length=20_000)
    random: tuple[Random, ...] = Field(default=(), max_length=200)

    @property
    def duration_s(self) -> float:
        return self.end - self.start.time

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_end()
        self._check_phases()
        self._check_workload()
        return self

    def _check_end(self) -> None:
        begin, end = self.start.time, self.end
        if not 60.0 <= end - begin <= 86_400.0 * MAX_DAYS:
            raise ValueError(f"end must come 1 minute to {MAX_DAYS} days after start.time")
        if self.goal is not None and not begin < self.goal.until <= end:
            raise ValueError("goal.until must lie after start.time and not after end")

    def _check_phases(self) -> None:
        ordered = sorted(self.phases, key=lambda phase: phase.begin)
        for before, after in pairwise(ordered):
            if after.begin < before.end:
                raise ValueError(
                    f"phases: the one from {clock_text(before.begin)} to {clock_text(before.end)} overlaps "
                    f"the one from {clock_text(after.begin)} to {clock_text(after.end)}; one must end before the next"
                )
        if ordered and not self.start.time <= ordered[0].begin <= ordered[-1].end <= self.end:
            raise ValueError("phases must lie between start.time and end")

    def _check_workload(self) -> None:
        begin, end = self.start.time, self.end
        if any(not begin <= c.at < end for c in self.conversations):
            raise ValueError("conversations: at must lie between start.time and end")
        if any(not begin <= r.begin < r.end <= end for r in self.random):
            raise ValueError("random: begin and end must lie between start.time and end")
        turns = sum(c.turns for c in self.conversations) + sum(r.expected_turns() for r in self.random)
        if turns > MAX_TURNS:
            raise ValueError(f"the workload of about {turns:.0f} turns is too large; at most {MAX_TURNS} are allowed")
