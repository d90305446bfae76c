"""What a run of a scenario leaves: answers, samples, sums, and the figures made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.precision import Tier


class Answer(NamedTuple):
    """One answered turn; seconds since the scenario's start. A question that is spoken is asked when it ends."""

    asked_s: float
    first_token_s: float
    finished_s: float
    tier: str
    tokens: float
    wanted_tok: int
    from_cache: bool

    @property
    def latency_s(self) -> float:
        return self.finished_s - self.asked_s


class Sample(NamedTuple):
    """A line of the series: watts and rates are means since the line before, everything else is of its moment."""

    t_s: float
    soc: float
    power_w: float
    """Of the phone's parts, wherever it came from."""
    cell_w: float
    """Out of the cell's chemistry; negative while it charges."""
    idle_w: float
    screen_w: float
    radio_w: float
    decode_w: float
    prefill_w: float
    vision_w: float
    speech_w: float
    loading_w: float
    tok_s: float
    ambient_c: float
    soc_temp_c: float
    spreader_temp_c: float
    skin_temp_c: float
    status: int
    """A `ThermalStatus`."""
    tier: str
    """What the governor wants."""
    plugged: bool
    down: int
    """A `Down`."""


class Change(NamedTuple):
    """The governor changed the tier of the weights, or warned."""

    t_s: float
    tier: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario under one policy on one phone. `figures` is the object of ``simulate run`` in its ``runs``."""

    scenario: str
    phone: str
    policy: str
    seed: int
    figures: Mapping[str, Any]
    samples: tuple[Sample, ...]
    answers: tuple[Answer, ...]
    changes: tuple[Change, ...]


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, rank - 1)]


def weighted(per_tier: Mapping[Tier, float], figure: Mapping[Tier, float] | None) -> float | None:
    """Mean of a figure per tier, weighted by tokens; None when a tier that was used has none, or no token was made."""
    total = sum(per_tier.values())
    if figure is None or total <= 0.0:
        return None
    used = {tier: tokens for tier, tokens in per_tier.items() if tokens > 0.0}
    if not used.keys() <= figure.keys():
        return None
    return sum(tokens * figure[tier] for tier, tokens in used.items()) / total
