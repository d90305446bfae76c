"""Policies switch where they say, restrain with hysteresis, and give their reasons."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest

from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.energy.forecast import forecasts
from autoglm_desktop.energy.governor import Decision, decide, initial_choice, worst_of
from autoglm_desktop.energy.phone import Phone
from autoglm_desktop.energy.policies import Forecast, Goal, Memory, Policy, Room, Situation
from autoglm_desktop.energy.profile import load_profile

MEMORY = Memory()


def at(battery: float | None, now_s: float = 0.0, **more: object) -> Situation:
    return replace(Situation(now_s, battery, soc_temp_c=40.0, skin_temp_c=32.0), **more)  # type: ignore[arg-type]


def follow(policy: Policy, situations: list[Situation], memory: Memory = MEMORY) -> list[Decision]:
    decisions = []
    for situation in situations:
        decision, memory = decide(policy, situation, memory)
        decisions.append(decision)
    return decisions


def switches(decisions: list[Decision]) -> int:
    return sum(a.tier is not b.tier for a, b in pairwise(decisions))


def test_the_guide_switches_exactly_at_seventy_and_thirty_both_ways() -> None:
    up = math.nextafter(0.70, 1.0), math.nextafter(0.30, 1.0)
    down = follow(Policy.GUIDE, [at(b, float(t)) for t, b in enumerate((1.0, up[0], 0.70, up[1], 0.30, 0.0))])
    assert [d.tier for d in down] == [Tier.FP16, Tier.FP16, Tier.INT8, Tier.INT8, Tier.INT4, Tier.INT4]
    back = follow(Policy.GUIDE, [at(b, float(t)) for t, b in enumerate((0.0, 0.30, up[1], 0.70, up[0], 1.0))])
    assert [d.tier for d in back] == [Tier.INT4, Tier.INT4, Tier.INT8, Tier.INT8, Tier.FP16, Tier.FP16]


def test_the_guide_takes_fp16_when_plugged_in() -> None:
    for policy in (Policy.GUIDE, Policy.STEADY):
        decision = decide(policy, at(0.1, charging=True), MEMORY)[0]
        assert decision.tier is Tier.FP16
        assert decision.next_change is None
        assert "Plugged in" in decision.reasons[0].english()


@pytest.mark.parametrize("policy", [Policy.STEADY, Policy.LAST_UNTIL])
def test_an_emergency_is_over_once_the_device_cooled(policy: Policy) -> None:
    """Hot, a little cooler (still within the hysteresis), cool, and as warm as that again."""
    plan = {"goal": GOAL, "pack_wh": 18.0, "forecasts": COSTS, "network": True}
    skins = (52.5, 50.5, 40.0, 50.5)
    decisions = follow(policy, [at(0.9, 400.0 * i, skin_temp_c=skin, **plan) for i, skin in enumerate(skins)])
    assert [d.cloud for d in decisions] == [True, True, False, False]
    assert [d.tier is Tier.INT4 for d in decisions] == [True, True, False, False]


def test_steady_changes_three_percent_beyond_the_guide() -> None:
    levels = [0.75, 0.69, 0.671, 0.67, 0.31, 0.28, 0.271, 0.27, 0.32, 0.33, 0.331, 0.72, 0.73, 0.731]
    decisions = follow(Policy.STEADY, [at(b, 100.0 * i) for i, b in enumerate(levels)])
    tiers = "".join({Tier.FP16: "f", Tier.INT8: "8", Tier.INT4: "4"}[d.tier] for d in decisions)
    assert tiers == "fff88884448" + "88f"
    assert decisions[0].next_change is not None
    assert decisions[0].next_change.english() == "INT8 at 67 %"
    assert "69.0 %: FP16 stays" in decisions[1].reasons[0].english()


def test_a_battery_that_jitters_around_thirty_for_an_hour_switches_at_most_once() -> None:
    for seed in range(5):
        noise = random.Random(seed)
        hour = [at(0.30 + noise.uniform(-0.01, 0.01), float(t)) for t in range(3600)]
        assert switches(follow(Policy.STEADY, hour)) <= 1
        warm = follow(Policy.STEADY, hour, Memory(tier=Tier.INT8, charging=False))
        assert switches(warm) <= 1
    assert switches(follow(Policy.GUIDE, hour)) > 100


def test_steady_waits_a_minute_and_for_the_end_of_the_turn() -> None:
    decisions = follow(
        Policy.STEADY,
        [
            at(0.80, 0.0),
            at(0.60, 10.0, between_turns=False),
            at(0.60, 11.0),
            at(0.20, 30.0),
            at(0.20, 70.9),
            at(0.20, 71.0),
        ],
    )
    assert [d.tier for d in decisions] == [Tier.FP16, Tier.FP16, Tier.INT8, Tier.INT8, Tier.INT8, Tier.INT4]
    assert "after this answer" in decisions[1].reasons[0].english()
    assert "41 s" in decisions[3].reasons[0].english()
    assert not any(d.at_once for d in decisions)


def test_a_plug_that_holds_for_a_moment_changes_nothing_unless_it_is_the_first_change() -> None:
    course = [at(0.80, 0.0), at(0.60, 100.0)]
    moment = [at(0.60, 500.0, charging=True), at(0.60, 540.0, charging=True), at(0.60, 545.0)]
    assert [d.tier for d in follow(Policy.STEADY, [*course, *moment])][1:] == [Tier.INT8] * 4
    lasting = [at(0.60, 500.0, charging=True), at(0.60, 559.0, charging=True), at(0.60, 560.0, charging=True)]
    decisions = follow(Policy.STEADY, [*course, *lasting])
    assert [d.tier for d in decisions][2:] == [Tier.INT8, Tier.INT8, Tier.FP16]
    assert "follows in 1 s" in decisions[3].reasons[0].english()
    assert follow(Policy.STEADY, [at(0.60, 0.0), at(0.60, 5.0, charging=True)])[-1].tier is Tier.FP16


def test_a_clock_that_jumps_back_does_not_hold_a_tier_forever() -> None:
    decisions = follow(Policy.STEADY, [at(0.8, 1e6), at(0.6, 1e6 + 100), at(0.2, 5.0)])
    assert decisions[-1].tier is Tier.INT4


@pytest.mark.parametrize(
    ("calm", "alarm", "over"),
    [
        ({"skin_temp_c": 51.9}, {"skin_temp_c": 52.0}, {"skin_temp_c": 50.0}),
        ({"soc_temp_c": 94.0}, {"soc_temp_c": 95.0}, {"soc_temp_c": 93.0}),
        ({"battery": 0.031}, {"battery": 0.029}, {"battery": 0.061}),
    ],
)
def test_an_emergency_takes_int4_in_the_middle_of_a_turn(
    calm: dict[str, float], alarm: dict[str, float], over: dict[str, float]
) -> None:
    base = at(0.8, 0.0, between_turns=False)
    memory = Memory(tier=Tier.FP16, charging=False, since_s=-5.0)
    before, memory = decide(Policy.STEADY, replace(base, **calm), memory)  # type: ignore[arg-type]
    during, memory = decide(Policy.STEADY, replace(base, now_s=1.0, network=True, **alarm), memory)  # type: ignore[arg-type]
    assert before.tier is Tier.FP16
    assert during.tier is Tier.INT4
    assert during.at_once
    assert during.cloud
    assert memory.emergency
    after = decide(Policy.STEADY, replace(base, now_s=2.0, **over), memory)[1]  # type: ignore[arg-type]
    assert not after.emergency


def test_above_65_degrees_the_cap_and_the_cache_are_on_and_off_with_hysteresis() -> None:
    course = [60.0, 65.0, 65.1, 66.0, 64.0, 63.2, 63.0, 64.9, 65.0, 65.01]
    for policy in (Policy.GUIDE, Policy.STEADY, Policy.LAST_UNTIL):
        decisions = follow(policy, [at(0.5, 100.0 * i, soc_temp_c=c) for i, c in enumerate(course)])
        capped = [d.max_new_tokens == 64 for d in decisions]
        assert capped == [False, False, True, True, True, True, False, False, False, True]
        assert [d.reuse_cached_answers for d in decisions] == capped
        assert all(("65" in d.reasons[-1].english()) == on for d, on in zip(decisions, capped, strict=True))


def test_idle_modalities_are_released_at_low_battery() -> None:
    decisions = follow(Policy.STEADY, [at(b, 100.0 * i) for i, b in enumerate((0.31, 0.30, 0.32, 0.331))])
    assert [d.release_modalities for d in decisions] == [False, True, True, False]


def test_the_users_choice_wins_and_is_told_as_such() -> None:
    hot = at(0.1, choice=TierChoice.FP16, soc_temp_c=70.0, skin_temp_c=53.0)
    decision = decide(Policy.STEADY, hot, initial_choice(TierChoice.FP16))[0]
    assert decision.tier is Tier.FP16
    assert decision.chosen_by_user
    assert not decision.at_once
    assert decision.max_new_tokens == 64
    assert "You chose FP16" in decision.reasons[0].english()


@pytest.mark.parametrize("tier", list(Tier))
def test_the_baselines_react_to_nothing(tier: Tier) -> None:
    policy = Policy(f"fixed-{tier.value}")
    courses = [at(b, soc_temp_c=c) for b in (0.01, 0.5, 1.0) for c in (20.0, 90.0)]
    for decision in follow(policy, courses):
        assert decision.tier is tier
        assert decision.max_new_tokens is None
        assert not decision.release_modalities


def test_a_tier_that_does_not_fit_gives_way_to_the_next() -> None:
    decision = decide(Policy.GUIDE, at(0.9, tiers=(Tier.INT8, Tier.INT4)), MEMORY)[0]
    assert decision.tier is Tier.INT8
    assert "FP16 does not fit" in decision.reasons[0].english()
    nothing = decide(Policy.GUIDE, at(0.9, tiers=(), network=True), MEMORY)[0]
    assert nothing.cloud
    assert nothing.tier is Tier.INT4
    assert "No tier fits" in nothing.reasons[0].english()


ROOM = Room(6.0, {Tier.FP16: 18.84, Tier.INT8: 10.0, Tier.INT4: 5.3})


def test_what_does_not_fit_is_told_with_figures() -> None:
    reason = decide(Policy.GUIDE, at(0.9, tiers=(Tier.INT4,), room=ROOM), MEMORY)[0].reasons[0].english()
    assert reason == "FP16 needs 18.8 GB and an app on this phone may hold 6.0 GB: INT4, 5.3 GB."
    small = replace(ROOM, app_gb=2.0)
    decision = decide(Policy.GUIDE, at(0.9, tiers=(), room=small), MEMORY)[0]
    assert decision.reasons[0].english().startswith("No tier fits this phone: INT4 needs the least, 5.3 GB of the 2.0")


def test_a_choice_by_hand_wins_over_the_phone_s_memory_and_is_told_so() -> None:
    now = at(0.9, tiers=(Tier.INT4,), room=ROOM)
    decision = decide(Policy.STEADY, replace(now, choice=TierChoice.FP16), MEMORY)[0]
    assert (decision.tier, decision.chosen_by_user) == (Tier.FP16, True)
    assert decision.misfit == decision.reasons[0]
    assert "FP16 needs 18.8 GB and an app on this phone may hold 6.0 GB" in decision.reasons[0].english()
    fitting = decide(Policy.STEADY, replace(now, choice=TierChoice.INT4), MEMORY)[0]
    assert fitting.misfit is None
    assert "You chose INT4" in fitting.reasons[0].english()


def test_without_a_battery_there_is_nothing_to_spare() -> None:
    for missing in (None, math.nan, 7.0, -3.0):
        assert decide(Policy.STEADY, at(missing), MEMORY)[0].tier is Tier.FP16


GOAL = Goal(until_s=4 * 3600.0, reserve=0.10)
COSTS = (Forecast(Tier.FP16, 4.0, 42.0), Forecast(Tier.INT8, 2.5, 38.0), Forecast(Tier.INT4, 1.5, 35.0))


@pytest.mark.parametrize(
    ("battery", "tier", "capped"),
    [(1.00, Tier.FP16, False), (0.75, Tier.INT8, False), (0.50, Tier.INT4, False), (0.40, Tier.INT4, True)],
)
def test_last_until_takes_the_best_tier_that_the_budget_bears(battery: float, tier: Tier, capped: bool) -> None:
    """(battery − reserve) · 18 Wh over 4 h: 4.05, 2.9, 1.8 and 1.35 W."""
    situation = at(battery, goal=GOAL, pack_wh=18.0, forecasts=COSTS)
    decision = decide(Policy.LAST_UNTIL, situation, MEMORY)[0]
    assert decision.tier is tier
    assert (decision.max_new_tokens == 64) is capped
    assert ("No tier lasts" in decision.reasons[0].english()) is capped


def test_last_until_keeps_the_skin_under_43() -> None:
    hot = (replace(COSTS[0], skin_c=43.5), *COSTS[1:])
    assert decide(Policy.LAST_UNTIL, at(1.0, goal=GOAL, pack_wh=18.0, forecasts=hot), MEMORY)[0].tier is Tier.INT8


def test_last_until_plans_every_five_minutes() -> None:
    plan = {"goal": GOAL, "pack_wh": 18.0, "forecasts": COSTS}
    decisions = follow(Policy.LAST_UNTIL, [at(1.0, 0.0, **plan), at(0.7, 299.0, **plan), at(0.7, 300.0, **plan)])
    assert [d.tier for d in decisions] == [Tier.FP16, Tier.FP16, Tier.INT8]
    sooner = follow(Policy.LAST_UNTIL, [at(1.0, 0.0, **plan), at(0.7, 9.0, **{**plan, "goal": Goal(20_000.0, 0.1)})])
    assert sooner[-1].tier is Tier.INT4


def test_last_until_takes_a_better_tier_only_with_room_to_spare() -> None:
    """At 2.6 W INT8's 2.5 W fit, which is enough to keep it and not enough to climb to it."""
    battery = 0.10 + 2.6 * (4.0 - 0.1) / 18.0
    now = {"goal": GOAL, "pack_wh": 18.0, "forecasts": COSTS}
    for planned, tier in ((Tier.INT8, Tier.INT8), (Tier.FP16, Tier.INT8), (Tier.INT4, Tier.INT4)):
        memory = Memory(tier=planned, charging=False, planned=planned, planned_s=0.0, planned_for=GOAL)
        assert decide(Policy.LAST_UNTIL, at(battery, 360.0, **now), memory)[0].tier is tier


def test_last_until_falls_back_on_steady_without_a_goal_or_after_it() -> None:
    for situation in (at(0.5), at(0.5, goal=Goal(-1.0), pack_wh=18.0, forecasts=COSTS), at(0.5, goal=GOAL)):
        decision = decide(Policy.LAST_UNTIL, situation, MEMORY)[0]
        assert decision.tier is decide(Policy.STEADY, situation, MEMORY)[0].tier


def test_forecasts_grow_with_the_demand_and_the_tier() -> None:
    phone = Phone(load_profile("guide-phone"))
    low, high = (forecasts(phone, tokens_s=t, ambient_c=25.0, screen=0.4) for t in (0.5, 3.0))
    assert [f.tier for f in low] == list(Tier)
    assert all(a.watts < b.watts and a.skin_c < b.skin_c for a, b in zip(low, high, strict=True))
    assert [f.watts for f in high] == sorted((f.watts for f in high), reverse=True)
    assert high[0].skin_c == pytest.approx(25.0 + 4.8 * high[0].watts)


def test_two_sources_join_to_the_worse() -> None:
    phone = at(0.2, charging=False, soc_temp_c=60.0, skin_temp_c=None)
    laptop = at(0.9, charging=True, soc_temp_c=80.0, skin_temp_c=math.nan)
    both = worst_of(phone, laptop)
    assert (both.battery, both.charging, both.soc_temp_c, both.skin_temp_c) == (0.2, False, 80.0, None)
    desktop = worst_of(phone, at(None, charging=False))
    assert (desktop.battery, desktop.charging) == (0.2, False)
    assert worst_of(at(None), replace(laptop, charging=True)).charging
