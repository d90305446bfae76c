"""Properties that hold for any load, state and situation."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_desktop.core.i18n import install
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.energy.governor import decide, worst_of
from autoglm_desktop.energy.phone import Flows, Load, Phone, add, is_sane, run, start
from autoglm_desktop.energy.policies import Forecast, Goal, Memory, Policy, Situation
from autoglm_desktop.energy.profile import Profile, load_profile
from autoglm_desktop.energy.workload import Backlog, Conditions, Costs, Work, finish, next_load

IPHONE = load_profile("iphone-17-pro")
PHONES = {name: Phone(load_profile(name)) for name in ("iphone-17-pro", "guide-phone", "ar-glasses")}

loads = st.builds(
    Load,
    ambient_c=st.floats(-20.0, 50.0),
    screen=st.floats(0.0, 1.0),
    plugged=st.booleans(),
    decode_tok_s=st.floats(0.0, 100.0),
    decode_j=st.floats(0.0, 2.0),
    prefill_tok_s=st.floats(0.0, 500.0),
    prefill_j=st.floats(0.0, 0.05),
    vision_w=st.floats(0.0, 5.0),
    speech_w=st.floats(0.0, 1.0),
    loading_w=st.floats(0.0, 2.0),
    radio=st.floats(0.0, 1.0),
)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(PHONES)),
    course=st.lists(loads, min_size=1, max_size=30),
    soc=st.floats(0.0, 1.0),
    body_c=st.floats(-20.0, 60.0),
    dt=st.sampled_from([0.1, 1.0, 7.0, 10.0]),
)
def test_any_course_closes_and_stays_sane(name: str, course: list[Load], soc: float, body_c: float, dt: float) -> None:
    phone = PHONES[name]
    before = state = start(phone, soc, body_c=body_c)
    total: Flows | None = None
    for after, flows in run(phone, state, course, dt):
        assert is_sane(after)
        assert 0.0 <= flows.granted <= 1.0
        assert flows.decoded_tok >= 0.0 <= flows.used_j
        assert flows.r0_j >= 0.0 <= flows.rc_j + 1e-12
        total = flows if total is None else add(total, flows)
        state = after
    assert total is not None
    pair = 0.5 * phone.cell.c1_f * (state.v_rc**2 - before.v_rc**2)
    chemical = phone.cell.stored_j(before.soc) - phone.cell.stored_j(state.soc)
    scale = total.used_j + total.charger_j + abs(chemical) + 1.0
    assert abs(chemical + total.charger_j - total.used_j - total.r0_j - total.rc_j - pair) <= 1e-6 * scale
    exact = total.chemical_j + total.charger_j - total.used_j - total.r0_j - total.rc_j - total.rc_stored_j
    assert abs(exact) <= 1e-9 * scale
    stored = sum(c * (b - a) for c, a, b in zip(phone.network.capacities_j_k, before[3:6], state[3:6], strict=True))
    assert abs(total.heat_in_j - stored - total.rejected_j) <= 1e-6 * (total.heat_in_j + abs(stored) + 1.0)


@settings(max_examples=25, deadline=None)
@given(cool_c=st.floats(-20.0, 45.0), warmer_k=st.floats(0.0, 20.0), soc=st.floats(0.6, 1.0))
def test_hotter_surroundings_are_never_faster(cool_c: float, warmer_k: float, soc: float) -> None:
    """Where the cell can give what the processor asks for; emptier and in deep frost, its voltage sets the pace."""
    phone = PHONES["iphone-17-pro"]

    def tokens(ambient_c: float) -> float:
        load = Load(ambient_c, 0.4, False, 13.0, 0.44)
        return sum(f.decoded_tok for _, f in run(phone, start(phone, soc, ambient_c=ambient_c), [load] * 128, 7.0))

    assert tokens(min(50.0, cool_c + warmer_k)) <= tokens(cool_c) * (1.0 + 1e-9)


@settings(max_examples=20, deadline=None)
@given(small=st.floats(1.0, 20.0), more=st.floats(0.0, 5.0), watts=st.floats(0.2, 4.0))
def test_a_smaller_pack_never_lasts_longer(small: float, more: float, watts: float) -> None:
    def lasts(energy_wh: float) -> float:
        battery = {**IPHONE.battery.model_dump(), "energy_wh": energy_wh}
        phone = Phone(Profile.model_validate({**IPHONE.model_dump(), "battery": battery}))
        endless = (Load(speech_w=watts) for _ in iter(int, 1))
        return next(state.time_s for state, _ in run(phone, start(phone, 0.3), endless, 60.0) if state.down)

    assert lasts(small) <= lasts(small + more)


counts = st.floats(0.0, 200.0)
works = st.builds(
    Work,
    tier=st.sampled_from(Tier),
    decoded_tok=counts,
    prefilled_tok=counts,
    images=st.integers(0, 3).map(float),
    speech_s=st.floats(0.0, 10.0),
    radio_s=st.floats(0.0, 5.0),
    loads_weights=st.integers(0, 1),
)


@settings(max_examples=30, deadline=None)
@given(queue=st.lists(works, min_size=1, max_size=5), name=st.sampled_from(sorted(PHONES)))
def test_no_work_is_lost_or_done_twice(queue: list[Work], name: str) -> None:
    phone = PHONES[name]
    costs = Costs.of(phone.profile)
    backlog, state = Backlog(), start(phone, 0.9)
    for work in queue:
        backlog = backlog.add(work, phone.profile)
    decoded = prefilled = vision_j = 0.0
    for _ in range(20_000):
        if backlog.is_empty:
            break
        load = next_load(backlog, costs, Conditions(screen=0.4, plugged=True), 1.0)
        state, flows = next(iter(run(phone, state, [load], 1.0)))
        backlog = finish(backlog, costs, load, flows)
        decoded, prefilled = decoded + flows.decoded_tok, prefilled + flows.prefilled_tok
        vision_j += flows.vision_j
    assert backlog.is_empty
    assert abs(decoded - sum(w.decoded_tok for w in queue)) < 1e-6
    assert abs(prefilled - sum(w.prefilled_tok for w in queue)) < 1e-6
    assert abs(vision_j - phone.profile.power.image_j * sum(w.images for w in queue)) < 1e-6


anything = st.none() | st.floats(allow_nan=True, allow_infinity=True)
situations = st.builds(
    Situation,
    now_s=st.floats(allow_nan=True, allow_infinity=True),
    battery=anything,
    charging=st.booleans(),
    soc_temp_c=anything,
    skin_temp_c=anything,
    network=st.booleans(),
    choice=st.sampled_from(TierChoice),
    between_turns=st.booleans(),
    tiers=st.lists(st.sampled_from(Tier), unique=True).map(lambda t: tuple(x for x in Tier if x in t)),
    goal=st.none() | st.builds(Goal, st.floats(allow_nan=True), st.floats(allow_nan=True)),
    pack_wh=anything,
    forecasts=st.lists(st.builds(Forecast, st.sampled_from(Tier), st.floats(), st.floats()), max_size=3).map(tuple),
)


@settings(max_examples=400, deadline=None)
@given(policy=st.sampled_from(Policy), course=st.lists(situations, min_size=1, max_size=6))
def test_a_governor_decides_whatever_it_sees(policy: Policy, course: list[Situation]) -> None:
    memory = Memory()
    for situation in course:
        decision, after = decide(policy, situation, memory)
        assert (decision, after) == decide(policy, situation, memory)
        assert decision.reasons
        assert all(str(reason) and reason.english() for reason in decision.reasons)
        fixed = situation.choice.fixed()
        assert fixed is None or decision.tier is fixed
        assert (decision.max_new_tokens is not None) == decision.reuse_cached_answers
        memory = after


@settings(max_examples=100, deadline=None)
@given(a=situations, b=situations)
def test_joining_two_sources_never_makes_things_better(a: Situation, b: Situation) -> None:
    both = worst_of(a, b)
    finite = [x for x in (a.battery, b.battery) if x is not None and abs(x) < float("inf")]
    assert both.battery is None or both.battery == min(finite)


def test_reasons_are_whole_sentences_in_english() -> None:
    install("en", {})
    decision = decide(Policy.STEADY, Situation(0.0, 0.2, soc_temp_c=70.0), Memory())[0]
    assert [str(r).endswith((".", ":")) for r in decision.reasons] == [True] * len(decision.reasons)
