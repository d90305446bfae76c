"""Decisions about precision and restraint, with reasons.

`decide(policy, situation, memory)` is pure and total: no clock, no sensor, no exception; what must be remembered
(dwell, hysteresis, a plan) goes in and comes back as `Memory`. Unknown values are None; a NaN or absurd one counts as
unknown.

Use: keep one `Memory`; call `decide` at every reading (about once a second) and before every turn. Apply `tier` between
turns, or in the middle of one when `at_once`. The user's own choice of tier always wins; the cap, the cache and the
release of modalities still follow the temperature and the battery, and the reasons say both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.energy.policies import HYSTERESIS_K, Memory, Pick, Policy, Room, Situation, pick

HOT_SOC_C = 65.0
CAPPED_TOKENS = 64
LOW_BATTERY = 0.30
LOW_BATTERY_OVER = 0.33
CLOUD_BATTERY = 0.05


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds for the next answer, and why.

    `max_new_tokens` None leaves the user's own limit; `cloud` means that a remote model would be the better choice now
    (it is offered, never taken silently). `next_change` says at which battery level the tier would change.
    """

    tier: Tier
    max_new_tokens: int | None
    reuse_cached_answers: bool
    release_modalities: bool
    cloud: bool
    reasons: tuple[Text, ...]
    next_change: Text | None = None
    at_once: bool = False
    chosen_by_user: bool = False
    misfit: Text | None = None
    """Why the device could not hold the tier that the user chose all the same."""


def decide(policy: Policy, situation: Situation, memory: Memory) -> tuple[Decision, Memory]:
    """The decision for `situation` under `policy`, and the memory for the next call."""
    seen = _cleaned(situation)
    chosen = _within_memory(pick(policy, seen, memory), seen)
    hot = _is_hot(policy, seen, memory)
    low = _is_low(policy, seen, memory)
    cloud, why_cloud = _cloud(policy, seen, chosen)
    restrained = hot or chosen.restrain
    reasons = [chosen.reason, *_restraint_reasons(seen, hot=hot, chosen=chosen, low=low), *why_cloud]
    fixed = seen.choice.fixed()
    misfit = None if fixed is None or fixed in seen.tiers else misfit_words(fixed, seen.room)
    if fixed is not None:
        alone = msg("You chose {tier}; the governor alone would go by the battery:", tier=fixed.label)
        reasons = [alone, *reasons] if misfit is None else [misfit, *reasons]
    decision = Decision(
        tier=fixed or chosen.tier,
        max_new_tokens=CAPPED_TOKENS if restrained else None,
        reuse_cached_answers=restrained,
        release_modalities=low,
        cloud=cloud,
        reasons=tuple(reasons),
        next_change=None if fixed else chosen.next_change,
        at_once=fixed is None and chosen.at_once,
        chosen_by_user=fixed is not None,
        misfit=misfit,
    )
    return decision, replace(chosen.memory, hot=hot, low=low)


def worst_of(a: Situation, b: Situation) -> Situation:
    """Two sources of truth joined: the lower battery, the higher temperatures, charging only if both are.

    A source without a battery or a sensor leaves it to the other. Everything else is `a`'s.
    """
    charging = a.charging and b.charging
    if a.battery is None or b.battery is None:
        charging = b.charging if a.battery is None else a.charging
    return replace(
        a,
        battery=_join(a.battery, b.battery, lowest=True),
        charging=charging,
        soc_temp_c=_join(a.soc_temp_c, b.soc_temp_c, lowest=False),
        skin_temp_c=_join(a.skin_temp_c, b.skin_temp_c, lowest=False),
    )


def _join(a: float | None, b: float | None, *, lowest: bool) -> float | None:
    known = [x for x in (a, b) if x is not None and isfinite(x)]
    if not known:
        return None
    return min(known) if lowest else max(known)


def _cleaned(situation: Situation) -> Situation:
    """Values that cannot be, removed: a battery outside 0 to 1 by more than a rounding, temperatures of no phone."""
    battery = _known(situation.battery, -0.01, 1.01)
    return replace(
        situation,
        now_s=situation.now_s if isfinite(situation.now_s) else 0.0,
        battery=None if battery is None else min(1.0, max(0.0, battery)),
        soc_temp_c=_known(situation.soc_temp_c, -60.0, 200.0),
        skin_temp_c=_known(situation.skin_temp_c, -60.0, 200.0),
        pack_wh=_known(situation.pack_wh, 0.0, 1e6),
        forecasts=tuple(f for f in situation.forecasts if isfinite(f.watts) and isfinite(f.skin_c)),
    )


def _known(value: float | None, low: float, high: float) -> float | None:
    return value if value is not None and isfinite(value) and low <= value <= high else None


def _within_memory(chosen: Pick, situation: Situation) -> Pick:
    """The picked tier, or the next lower one that the device can hold; the lowest of all where it can hold none."""
    if chosen.tier in situation.tiers:
        return chosen
    order = list(Tier)
    lower = [tier for tier in order[order.index(chosen.tier) :] if tier in situation.tiers]
    tier = lower[0] if lower else (situation.tiers or order)[-1]
    return replace(chosen, tier=tier, reason=_instead_words(chosen.tier, tier, situation), next_change=None)


def _instead_words(wanted: Tier, tier: Tier, situation: Situation) -> Text:
    room = situation.room
    if not situation.tiers:
        return (
            msg("No tier fits this device's memory: {tier} needs the least.", tier=tier.label)
            if room is None
            else msg(
                "No tier fits this phone: {tier} needs the least, {needs_gb:.1f} GB of the {app_gb:.1f} GB of an app.",
                tier=tier.label,
                needs_gb=room.needs_gb[tier],
                app_gb=room.app_gb,
            )
        )
    if room is None:
        return msg("{wanted} does not fit this device's memory, {tier} does.", wanted=wanted.label, tier=tier.label)
    return msg(
        "{wanted} needs {wanted_gb:.1f} GB and an app on this phone may hold {app_gb:.1f} GB: "
        "{tier}, {needs_gb:.1f} GB.",
        wanted=wanted.label,
        wanted_gb=room.needs_gb[wanted],
        app_gb=room.app_gb,
        tier=tier.label,
        needs_gb=room.needs_gb[tier],
    )


def misfit_words(tier: Tier, room: Room | None) -> Text | None:
    """Why a device with this room could not hold `tier`; None when it could, or when nothing is known of it."""
    if room is None or room.needs_gb[tier] <= room.app_gb:
        return None
    return msg(
        "{tier} needs {needs_gb:.1f} GB and an app on this phone may hold {app_gb:.1f} GB: "
        "only this computer can hold it.",
        tier=tier.label,
        needs_gb=room.needs_gb[tier],
        app_gb=room.app_gb,
    )


def _is_hot(policy: Policy, situation: Situation, memory: Memory) -> bool:
    """On above 65 °C, off again 1.9 K below it; the baselines do not restrain themselves."""
    if policy.is_fixed or situation.soc_temp_c is None:
        return False
    return situation.soc_temp_c > (HOT_SOC_C - HYSTERESIS_K if memory.hot else HOT_SOC_C)


def _is_low(policy: Policy, situation: Situation, memory: Memory) -> bool:
    if policy.is_fixed or situation.charging or situation.battery is None:
        return False
    return situation.battery <= (LOW_BATTERY_OVER if memory.low else LOW_BATTERY)


def _restraint_reasons(situation: Situation, *, hot: bool, chosen: Pick, low: bool) -> list[Text]:
    reasons = []
    if hot:
        reasons.append(
            msg(
                "The SoC is at {celsius:.0f} °C (limit {limit:.0f}): at most {tokens} new tokens, answers are reused.",
                celsius=situation.soc_temp_c or 0.0,
                limit=HOT_SOC_C,
                tokens=CAPPED_TOKENS,
            )
        )
    elif chosen.restrain:
        reasons.append(msg("At most {tokens} new tokens, answers are reused.", tokens=CAPPED_TOKENS))
    if low:
        reasons.append(msg("The battery is low: modalities that are idle are released."))
    return reasons


def _cloud(policy: Policy, situation: Situation, chosen: Pick) -> tuple[bool, list[Text]]:
    """A remote model is worth offering when this device should not or cannot answer, and there is a network."""
    if policy.is_fixed or not situation.network:
        return False, []
    if not situation.tiers:
        return True, [msg("No tier fits this device's memory: a cloud model could answer.")]
    if chosen.memory.emergency or chosen.restrain:
        return True, [msg("This device should rest: a cloud model could answer.")]
    empty = situation.battery is not None and situation.battery < CLOUD_BATTERY
    if empty and not situation.charging:
        return True, [msg("The battery is nearly empty: a cloud model could answer.")]
    return False, []


def initial_choice(choice: TierChoice) -> Memory:
    """Memory of a governor that has decided nothing yet; a fixed choice is the tier that is loaded."""
    return Memory(tier=choice.fixed())
