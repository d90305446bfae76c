"""Policies by name: which tier, and why. Pure functions over a `Situation` and a `Memory`.

- ``guide``: the guide of AutoGLM-Phone. Above 70 % FP16, above 30 % INT8, else INT4; plugged in FP16.
- ``steady`` (default): the guide with bands of ±3 %, 60 s of dwell (after a change, and after the charger was plugged
  in, unless by hand), and a switch only between turns, except in an emergency (skin at EMERGENCY, SoC at 95 °C, or a
  battery under 3 %), which takes INT4 at once.
- ``last-until``: a budget: the pack must live until a time at a reserve. Planned anew every 5 minutes: the best tier
  whose forecast watts fit the budget and whose forecast skin stays under 43 °C.
- ``fixed-fp16``, ``fixed-int8``, ``fixed-int4``: baselines that react to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier, TierChoice

FP16_ABOVE = 0.70
INT8_ABOVE = 0.30
BAND = 0.03
DWELL_S = 60.0
REPLAN_S = 300.0
PLAN_SHARE = 0.9
"""Of its budget that ``last-until`` lets a better tier use than the one that it has."""
CUSHION = 0.01
"""Charge beyond the reserve that ``last-until`` plans to keep: the last answer may be a long one."""
SKIN_LIMIT_C = 43.0
EMERGENCY_SKIN_C = 52.0
EMERGENCY_SOC_C = 95.0
EMERGENCY_BATTERY = 0.03
HYSTERESIS_K = 1.9
_FP16_UNTIL, _INT8_UNTIL = round(FP16_ABOVE - BAND, 9), round(INT8_ABOVE - BAND, 9)
_FP16_AGAIN, _INT8_AGAIN = round(FP16_ABOVE + BAND, 9), round(INT8_ABOVE + BAND, 9)


class Policy(StrEnum):
    GUIDE = "guide"
    STEADY = "steady"
    LAST_UNTIL = "last-until"
    FIXED_FP16 = "fixed-fp16"
    FIXED_INT8 = "fixed-int8"
    FIXED_INT4 = "fixed-int4"

    @property
    def is_fixed(self) -> bool:
        return self.value.startswith("fixed-")


@dataclass(frozen=True, slots=True)
class Goal:
    """The battery must hold `reserve` (0 to 1) at `until_s`, on the clock of `Situation.now_s`."""

    until_s: float
    reserve: float = 0.10


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the current demand would cost in a tier: mean watts of the whole device, and the skin it settles at."""

    tier: Tier
    watts: float
    skin_c: float


@dataclass(frozen=True, slots=True)
class Room:
    """What an app may hold, and what the model needs in each tier, in GB."""

    app_gb: float
    needs_gb: dict[Tier, float]


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known now. Fractions 0 to 1, °C, seconds on any clock that rises; None is unknown.

    No battery counts as mains. `tiers` are those that the device's memory holds, best first, and `room` has the figures
    of that; `between_turns` is False while an answer is made. `pack_wh` and `forecasts` serve ``last-until`` only.
    """

    now_s: float
    battery: float | None
    charging: bool = False
    soc_temp_c: float | None = None
    skin_temp_c: float | None = None
    network: bool = False
    choice: TierChoice = TierChoice.AUTO
    between_turns: bool = True
    tiers: tuple[Tier, ...] = tuple(Tier)
    room: Room | None = None
    goal: Goal | None = None
    pack_wh: float | None = None
    forecasts: tuple[Forecast, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What a governor remembers between decisions; `Memory()` is one that has decided nothing."""

    tier: Tier | None = None
    since_s: float | None = None
    """When the tier was last changed."""
    charging: bool | None = None
    plugged_s: float | None = None
    """When ``steady`` first saw the charger that is plugged in now."""
    emergency: bool = False
    hot: bool = False
    low: bool = False
    planned: Tier | None = None
    planned_s: float | None = None
    planned_for: Goal | None = None
    short: bool = False
    """The plan cannot reach its goal in any tier."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A policy's answer. `restrain` asks for the cap and the cache for a reason other than heat."""

    tier: Tier
    reason: Text
    memory: Memory
    next_change: Text | None = None
    at_once: bool = False
    restrain: bool = False


def pick(policy: Policy, situation: Situation, memory: Memory) -> Pick:
    """The tier that `policy` wants."""
    if policy.is_fixed:
        tier = Tier(policy.value.removeprefix("fixed-"))
        return Pick(tier, msg("Fixed at {tier}.", tier=tier.label), _remember(memory, tier, situation))
    if policy is Policy.GUIDE:
        return _guide(situation, memory)
    if policy is Policy.LAST_UNTIL:
        return _last_until(situation, memory)
    return _steady(situation, memory)


def is_emergency(situation: Situation, memory: Memory) -> bool:
    """The device must shed load now, in the middle of a turn if need be. Over once 1.9 K cooler or 3 % fuller."""
    cooler, fuller = (HYSTERESIS_K, BAND) if memory.emergency else (0.0, 0.0)
    skin, soc, battery = situation.skin_temp_c, situation.soc_temp_c, situation.battery
    return (
        (skin is not None and skin >= EMERGENCY_SKIN_C - cooler)
        or (soc is not None and soc >= EMERGENCY_SOC_C - cooler)
        or (battery is not None and battery < EMERGENCY_BATTERY + fuller and not situation.charging)
    )


def guide_tier(battery: float) -> Tier:
    """The guide's table for a battery of 0 to 1."""
    if battery > FP16_ABOVE:
        return Tier.FP16
    return Tier.INT8 if battery > INT8_ABOVE else Tier.INT4


def _guide(situation: Situation, memory: Memory) -> Pick:
    battery = situation.battery
    if situation.charging or battery is None:
        return _plugged_in(situation, memory)
    tier = guide_tier(battery)
    return Pick(
        tier,
        _level_reason(tier, battery),
        _remember(memory, tier, situation),
        _next_change(tier, 0.0),
    )


def _steady(situation: Situation, memory: Memory) -> Pick:
    emergency = is_emergency(situation, memory)
    memory = replace(memory, emergency=emergency, plugged_s=_plugged_s(situation, memory))
    if emergency:
        reason = msg("Emergency: the device is too hot or nearly empty, INT4 at once.")
        at_once = memory.tier is not Tier.INT4
        return Pick(Tier.INT4, reason, _remember(memory, Tier.INT4, situation), at_once=at_once)
    battery = situation.battery
    wanted = Tier.FP16 if battery is None or situation.charging else _banded(situation, memory, battery)
    if memory.tier is None or wanted is memory.tier:
        return _settled(situation, memory, wanted)
    kept = _reason_to_wait(situation, memory, wanted)
    if kept is not None:  # the change stays due, so whether the plug changed must not be forgotten
        return Pick(memory.tier, kept, memory, _steady_next(situation, memory.tier))
    return _settled(situation, memory, wanted)


def _settled(situation: Situation, memory: Memory, tier: Tier) -> Pick:
    battery = situation.battery
    if situation.charging or battery is None:
        return _plugged_in(situation, memory)
    remembered = _remember(memory, tier, situation)
    reason = _level_reason(tier, battery)
    if tier is not guide_tier(battery):
        reason = msg(
            "Battery {percent:.1f} %: {tier} stays within 3 % of its limit.", percent=100.0 * battery, tier=tier.label
        )
    return Pick(tier, reason, remembered, _steady_next(situation, tier))


def _banded(situation: Situation, memory: Memory, battery: float) -> Tier:
    """The tier by levels that lie 3 % beyond the guide's in the direction of the change."""
    tier = memory.tier
    if tier is None or memory.charging is not False or situation.charging:
        return guide_tier(battery)
    if tier is Tier.FP16 and battery <= _FP16_UNTIL:
        tier = Tier.INT8
    if tier is Tier.INT8 and battery <= _INT8_UNTIL:
        return Tier.INT4
    if tier is Tier.INT4 and battery > _INT8_AGAIN:
        tier = Tier.INT8
    if tier is Tier.INT8 and battery > _FP16_AGAIN:
        return Tier.FP16
    return tier


def _reason_to_wait(situation: Situation, memory: Memory, wanted: Tier) -> Text | None:
    if not situation.between_turns:
        return msg("{tier} follows after this answer.", tier=wanted.label)
    since = memory.since_s
    if since is not None and memory.plugged_s is not None:
        since = max(since, memory.plugged_s)  # a plug that holds for a moment is not worth a change
    if since is not None and 0.0 <= situation.now_s - since < DWELL_S:
        left = DWELL_S - (situation.now_s - since)
        return msg("{tier} follows in {seconds:.0f} s: no change within a minute.", tier=wanted.label, seconds=left)
    return None


def _plugged_s(situation: Situation, memory: Memory) -> float | None:
    if not situation.charging:
        return None
    return situation.now_s if memory.plugged_s is None else memory.plugged_s


def _last_until(situation: Situation, memory: Memory) -> Pick:
    goal, battery, pack = situation.goal, situation.battery, situation.pack_wh
    missing = goal is None or battery is None or pack is None or not situation.forecasts
    emergency = is_emergency(situation, memory)
    if missing or situation.charging or emergency:
        return _steady(situation, memory)
    memory = replace(memory, emergency=emergency)
    assert goal is not None
    assert battery is not None
    assert pack is not None
    if not goal.until_s > situation.now_s:
        return _steady(situation, memory)
    if _plan_holds(situation, memory):
        tier, short = memory.planned or Tier.INT4, memory.short
    else:
        budget = max(0.0, battery - goal.reserve - CUSHION) * pack * 3600.0 / (goal.until_s - situation.now_s)
        tier, short = _best_within(budget, situation, memory.planned)
        memory = replace(memory, planned=tier, planned_s=situation.now_s, planned_for=goal, short=short)
    if memory.tier is not None and tier is not memory.tier and not situation.between_turns:
        return Pick(memory.tier, msg("{tier} follows after this answer.", tier=tier.label), memory, restrain=short)
    hours = (goal.until_s - situation.now_s) / 3600.0
    text = (
        msg("No tier lasts {hours:.1f} h more: {tier}, and as little as possible.", hours=hours, tier=tier.label)
        if short
        else msg("{tier} is the best tier that lasts {hours:.1f} h more.", tier=tier.label, hours=hours)
    )
    return Pick(tier, text, _remember(memory, tier, situation), restrain=short)


def _plan_holds(situation: Situation, memory: Memory) -> bool:
    if memory.planned is None or memory.planned_s is None or memory.planned_for != situation.goal:
        return False
    return memory.charging is False and 0.0 <= situation.now_s - memory.planned_s < REPLAN_S


def _best_within(budget_w: float, situation: Situation, kept: Tier | None) -> tuple[Tier, bool]:
    """Best quality within the budget and the skin's limit; else the least watts, and that the goal is out of reach.

    A better tier than that of the plan before may use `PLAN_SHARE` of the budget: else plans swing to and fro.
    """
    order = list(Tier)
    usable = [f for f in situation.forecasts if f.tier in situation.tiers] or list(situation.forecasts)
    better = () if kept is None else order[: order.index(kept)]
    budgets = {tier: budget_w * (PLAN_SHARE if tier in better else 1.0) for tier in order}
    fitting = [f for f in usable if f.watts <= budgets[f.tier] and f.skin_c < SKIN_LIMIT_C]
    if fitting:
        return min(fitting, key=lambda f: order.index(f.tier)).tier, False
    least = min(usable, key=lambda f: f.watts)
    return least.tier, least.watts > budget_w


def _plugged_in(situation: Situation, memory: Memory) -> Pick:
    reason = (
        msg("There is no battery to spare: FP16.")
        if situation.battery is None
        else msg("Plugged in: FP16 for the best quality.")
    )
    return Pick(Tier.FP16, reason, _remember(memory, Tier.FP16, situation))


def _remember(memory: Memory, tier: Tier, situation: Situation) -> Memory:
    changed = tier is not memory.tier
    since = situation.now_s if changed and memory.tier is not None else memory.since_s
    return replace(memory, tier=tier, since_s=since, charging=situation.charging)


def _level_reason(tier: Tier, battery: float) -> Text:
    percent = 100.0 * battery
    if tier is Tier.FP16:
        return msg("Battery {percent:.1f} %, above {limit} %: FP16.", percent=percent, limit=70)
    if tier is Tier.INT8:
        return msg("Battery {percent:.1f} %, between {low} and {high} %: INT8.", percent=percent, low=30, high=70)
    return msg("Battery {percent:.1f} %, at or below {limit} %: INT4.", percent=percent, limit=30)


def _steady_next(situation: Situation, tier: Tier) -> Text | None:
    return None if situation.charging or situation.battery is None else _next_change(tier, BAND)


def _next_change(tier: Tier, band: float) -> Text:
    """At which battery level the tier changes while it drains (or, from INT4, while it charges)."""
    if tier is Tier.INT4:
        percent = round(100.0 * (INT8_ABOVE + band))
        return msg("{tier} again above {percent} %", tier=Tier.INT8.label, percent=percent)
    lower = Tier.INT8 if tier is Tier.FP16 else Tier.INT4
    percent = round(100.0 * ((FP16_ABOVE if tier is Tier.FP16 else INT8_ABOVE) - band))
    return msg("{tier} at {percent} %", tier=lower.label, percent=percent)
