"""From a scenario's conversations to its turns: a list that depends on the file and the seed, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random as Dice
from typing import NamedTuple

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.energy.scenario import MAX_TURNS, Random, Scenario


class Turn(NamedTuple):
    """A question. It arrives whether or not the phone is ready, so every policy is asked the same at the same time."""

    at_s: float
    """Since the scenario's start."""
    prompt_tok: int
    answer_tok: int
    images: int
    speech_s: float
    screen: float | None
    """Brightness while it is answered; None: the phone's usual."""
    repeats: bool


def turns_of(scenario: Scenario, *, seed: int | None = None, scale: float = 1.0) -> tuple[Turn, ...]:
    """All turns in the order of their arrival, up to the scenario's end.

    `seed` replaces the file's; `scale` multiplies how often conversations happen: random ones by their rate, given ones
    by repeating or leaving out, spread evenly. Raises AppError BAD_INPUT for more than `MAX_TURNS`.
    """
    dice = Dice(scenario.seed if seed is None else seed)
    found = list(_given(scenario, scale))
    for section in scenario.random:
        found += _drawn(section, dice, scale)
    begin, end = scenario.start.time, scenario.duration_s
    turns = sorted((turn._replace(at_s=turn.at_s - begin) for turn in found), key=lambda turn: turn.at_s)
    inside = tuple(turn for turn in turns if turn.at_s < end)
    if len(inside) > MAX_TURNS:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("The workload has {count} turns; at most {limit} are allowed.", count=len(inside), limit=MAX_TURNS),
            msg("Lower the rate, the number of turns, or the scale."),
        )
    return inside


def _given(scenario: Scenario, scale: float) -> Iterator[Turn]:
    owed = 0.0
    for c in scenario.conversations:
        owed += scale
        copies = int(owed + 1e-9)
        owed -= copies
        length = c.turns * c.gap_s
        for copy in range(copies):
            for k in range(c.turns):
                at = c.at + copy * length + k * c.gap_s
                images = c.images if k == 0 else 0
                yield Turn(at, c.prompt_tok, c.answer_tok, images, c.speech_s, c.screen, c.repeats)


def _drawn(section: Random, dice: Dice, scale: float) -> Iterator[Turn]:
    rate = section.per_hour * scale / 3600.0
    at = section.begin
    while rate > 0.0 and (at := at + dice.expovariate(rate)) < section.end:
        images = dice.randint(*section.images)
        moment = at
        for k in range(dice.randint(*section.turns)):
            yield Turn(
                at_s=moment,
                prompt_tok=dice.randint(*section.prompt_tok),
                answer_tok=dice.randint(*section.answer_tok),
                images=images if k == 0 else 0,
                speech_s=dice.uniform(*section.speech_s),
                screen=section.screen,
                repeats=dice.random() < section.repeats,
            )
            moment += dice.uniform(*section.gap_s)
