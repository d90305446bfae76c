"""Any valid scenario closes its energy, stays in range, and answers no more than it was asked."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.scenario import Scenario, clock_s
from autoglm_desktop.energy.scenario_run import run_scenario
from autoglm_desktop.energy.scenario_turns import turns_of

PHONES = {name: load_profile(name) for name in ("guide-phone", "iphone-17-pro", "android-flagship", "ar-glasses")}
WORDS = {"en": "Any", "zh_CN": "任意"}


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


conversations = st.fixed_dictionaries(
    {
        "at": st.integers(0, 179).map(clock),
        "turns": st.integers(1, 5),
        "gap_s": st.floats(0.0, 900.0),
        "prompt_tok": st.integers(0, 5000),
        "answer_tok": st.integers(1, 3000),
        "images": st.integers(0, 6),
        "speech_s": st.floats(0.0, 60.0),
        "repeats": st.booleans(),
    },
    optional={"screen": st.floats(0.0, 1.0)},
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    edges = sorted(draw(st.sets(st.integers(0, 180), min_size=2, max_size=6)))
    phases: list[dict[str, Any]] = []
    for begin, end in pairwise(edges):
        asleep = draw(st.booleans())
        phase = {"begin": clock(begin), "end": clock(end), "asleep": asleep, "plugged": draw(st.booleans())}
        phase |= {"ambient_c": draw(st.floats(-20.0, 50.0)), "screen": 0.0 if asleep else draw(st.floats(0.0, 1.0))}
        phases.append(phase | {"radio": draw(st.sampled_from([0.0, 0.0, 0.2, 1.0]))})
    start = {"time": "00:00", "battery_percent": draw(st.floats(0.0, 100.0)), "ambient_c": draw(st.floats(-20, 50))}
    table = {
        "id": "any",
        "name": WORDS,
        "description": WORDS,
        "end": "03:00",
        "start": start,
        "goal": {"until": clock(draw(st.integers(1, 180))), "reserve_percent": draw(st.floats(0.0, 100.0))},
        "phases": phases,
        "conversations": draw(st.lists(conversations, max_size=6)),
        "random": [{"begin": "00:00", "end": "03:00", "per_hour": draw(st.floats(0.1, 40.0)), "repeats": 0.5}],
        "seed": draw(st.integers(0, 1000)),
    }
    return Scenario.model_validate(table)


@settings(max_examples=40, deadline=None)
@given(scenario=scenarios(), policy=st.sampled_from(list(Policy)), phone=st.sampled_from(sorted(PHONES)))
def test_any_scenario_closes_and_stays_in_range(scenario: Scenario, policy: Policy, phone: str) -> None:
    result = run_scenario(scenario, PHONES[phone], policy)
    figures = result.figures
    assert figures["energy_closure"] <= 1e-6
    assert 0.0 <= figures["min_soc"] <= 1.0
    assert 0.0 <= figures["throttled_s"] <= scenario.duration_s + 1e-6
    assert 0 <= figures["answered"] <= figures["turns"]
    assert figures["goal_met"] in {True, False}
    assert result.samples[-1].t_s == clock_s("03:00")
    for sample in result.samples:
        assert 0.0 <= sample.soc <= 1.0
        assert -20.1 <= sample.skin_temp_c <= 70.0
        assert -20.1 <= sample.soc_temp_c <= 120.0
        assert sample.power_w >= 0.0 <= sample.tok_s
    for answer in result.answers:
        assert answer.asked_s - 1e-6 <= answer.first_token_s <= answer.finished_s + 1e-6
        assert 0.0 <= answer.tokens <= answer.wanted_tok
    decoded = sum(figures["tokens_by_tier"].values())
    assert sum(answer.tokens for answer in result.answers) <= decoded + 1e-3
    assert decoded <= sum(turn.answer_tok for turn in turns_of(scenario)) + 1e-3


@settings(max_examples=15, deadline=None)
@given(scenario=scenarios(), scale=st.floats(0.0, 3.0))
def test_the_same_arguments_give_the_same_result(scenario: Scenario, scale: float) -> None:
    again = [run_scenario(scenario, PHONES["guide-phone"], Policy.LAST_UNTIL, scale=scale) for _ in range(2)]
    assert again[0] == again[1]
