"""The sums of a run, and the figures that `simulate run` prints for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.phone import Down, Flows, Phone, State
from autoglm_desktop.energy.policies import Goal
from autoglm_desktop.energy.quality_figures import Quality
from autoglm_desktop.energy.scenario_result import Answer, mean, percentile, weighted

_WORK = ("decode_j", "prefill_j", "vision_j", "speech_j", "loading_j")
_FULL_GRANT = 1.0 - 1e-9


class Sums:
    """What a run adds up, step by step."""

    __slots__ = (
        "_flows", "answers", "drained", "first", "goal", "last", "max_skin_c", "max_soc_c", "met", "min_soc", "off_s",
        "phone", "switches", "throttled_s", "tokens", "turns", "warned_s", "went_off_s", "why_off",
    )  # fmt: skip

    def __init__(self, phone: Phone, state: State, goal: Goal | None, turns: int) -> None:
        self.phone, self.first, self.last, self.goal, self.turns = phone, state, state, goal, turns
        self.answers: list[Answer] = []
        self.tokens = dict.fromkeys(Tier, 0.0)
        self.switches = 0
        self.throttled_s = self.off_s = self.drained = 0.0
        self.min_soc, self.max_soc_c, self.max_skin_c = state.soc, state.junction_c, state.body_c
        self.went_off_s: float | None = None
        self.warned_s: float | None = None
        self.met: bool | None = None
        self.why_off = Down.ON
        self._flows: list[float] = [0.0] * len(Flows._fields)

    def step(self, before: State, after: State, flows: Flows) -> None:
        """What every step is looked at for."""
        self.last = after
        soc = after.soc
        if soc < before.soc:
            self.drained += before.soc - soc
            self.min_soc = min(self.min_soc, soc)
        self.max_soc_c = max(self.max_soc_c, after.junction_c)
        self.max_skin_c = max(self.max_skin_c, after.body_c)
        if flows.granted < _FULL_GRANT and not before.down:
            self.throttled_s += flows.dt_s
        if after.down:
            self._is_off(after, flows)
        goal = self.goal
        if goal is not None and self.met is None and after.time_s >= goal.until_s - 1e-6:
            self.met = self.went_off_s is None and soc >= goal.reserve

    def _is_off(self, after: State, flows: Flows) -> None:
        self.off_s += flows.dt_s
        if self.went_off_s is None:
            self.went_off_s, self.why_off = after.time_s, Down(after.down)

    def add(self, flows: Sequence[float]) -> None:
        """The sums of `Flows` since the last call."""
        self._flows = [a + b for a, b in zip(self._flows, flows, strict=True)]

    @property
    def flows(self) -> Flows:
        """Sums over the run; its means (granted, current, voltage) say nothing."""
        return Flows(*self._flows)

    def closure(self) -> float:
        """By how much of the energy the balances of charge and heat do not close: the larger of the two."""
        of, cell, first, last = self.flows, self.phone.cell, self.first, self.last
        chemical = cell.stored_j(first.soc) - cell.stored_j(last.soc)
        pair = 0.5 * cell.c1_f * (last.v_rc**2 - first.v_rc**2)
        electric = abs(chemical + of.charger_j - of.used_j - of.r0_j - of.rc_j - pair)
        nodes = zip(self.phone.network.capacities_j_k, first[3:6], last[3:6], strict=True)
        stored = sum(c * (b - a) for c, a, b in nodes)
        heat = abs(of.heat_in_j - stored - of.rejected_j)
        return max(electric / (of.used_j + abs(chemical) + 1.0), heat / (of.heat_in_j + abs(stored) + 1.0))


def figures(sums: Sums, quality: Quality | None) -> dict[str, Any]:
    """The figures of a run by the names of the command line's contract.

    energy_wh: of the phone's parts and of the cell's losses, from cell or charger. mean_w: that over the time in which
    the phone was on. joules_per_token: the processor's joules (answers, prompts, images, speech, loading) per decoded
    token. tokens_per_percent: per percent of charge that left the cell. Latencies: from the question's end to its
    answer's. quality: KL divergence from the 16-bit weights in nats, the mean over the decoded tokens, measured on
    `quality_model`; None without a measurement.
    """
    of, tokens = sums.flows, sum(sums.tokens.values())
    used_j = of.used_j + of.r0_j + of.rc_j
    on_s = sums.last.time_s - sums.off_s
    work_j = sum(getattr(of, name) for name in _WORK)
    emptied = sums.why_off in {Down.EMPTY, Down.BROWN_OUT}
    found: dict[str, Any] = {
        "energy_wh": used_j / 3600.0,
        "mean_w": used_j / on_s if on_s > 0.0 else None,
        "min_soc": sums.min_soc,
        "time_to_empty_s": sums.went_off_s if emptied else None,
        "max_soc_temp_c": sums.max_soc_c,
        "max_skin_temp_c": sums.max_skin_c,
        "tokens": tokens,
        "tokens_per_percent": tokens / (100.0 * sums.drained) if sums.drained > 0.0 and tokens > 0.0 else None,
        "joules_per_token": work_j / tokens if tokens > 0.0 else None,
        **_latencies(sums),
        "switches": sums.switches,
        "throttled_s": sums.throttled_s,
        "goal_met": sums.met,
        "quality": weighted(sums.tokens, quality.kl if quality else None),
        "perplexity": weighted(sums.tokens, quality.ppl if quality else None),
        "quality_model": quality.model if quality else None,
        **_counts(sums),
        "final_soc": sums.last.soc,
        "went_off_s": sums.went_off_s,
        "why_off": None if sums.why_off is Down.ON else sums.why_off.name.lower(),
        "warned_s": sums.warned_s,
        "energy_by_part_wh": {
            name.removesuffix("_j"): getattr(of, name) / 3600.0 for name in ("idle_j", "screen_j", "radio_j", *_WORK)
        },
        "losses_wh": (of.r0_j + of.rc_j) / 3600.0,
        "charger_wh": of.charger_j / 3600.0,
        "energy_closure": sums.closure(),
    }
    return {name: _exact(value) for name, value in found.items()}


def _latencies(sums: Sums) -> dict[str, float | None]:
    whole = [answer.latency_s for answer in sums.answers]
    first = [answer.first_token_s - answer.asked_s for answer in sums.answers]
    return {
        "mean_latency_s": mean(whole),
        "p95_latency_s": percentile(whole, 0.95),
        "mean_first_token_s": mean(first),
        "p95_first_token_s": percentile(first, 0.95),
    }


def _counts(sums: Sums) -> dict[str, Any]:
    wanted = [answer for answer in sums.answers if not answer.from_cache]
    return {
        "turns": sums.turns,
        "answered": len(sums.answers),
        "from_cache": len(sums.answers) - len(wanted),
        "capped": sum(answer.tokens < answer.wanted_tok for answer in wanted),
        "tokens_by_tier": {tier.value: count for tier, count in sums.tokens.items()},
    }


def _exact(value: Any) -> Any:
    """Numbers to nine digits: what is beyond them is rounding, and would differ between machines."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, Mapping):
        return {name: _exact(inner) for name, inner in value.items()}
    return value
