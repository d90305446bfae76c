"""The whole phone: energy closes, one right-hand side for live and batch, and it protects itself."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise

import pytest

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.phone import (
    Charging,
    Down,
    Flows,
    Load,
    Phone,
    State,
    add,
    is_sane,
    run,
    start,
    step,
)
from autoglm_desktop.energy.power import decode_cost
from autoglm_desktop.energy.profile import Profile, load_profile
from autoglm_desktop.energy.throttle import ThermalStatus

IPHONE = load_profile("iphone-17-pro")


def decoding(profile: Profile, *, ambient_c: float = 25.0, plugged: bool = False) -> Load:
    cost = decode_cost(profile, Tier.INT4)
    return Load(ambient_c, 0.4, plugged, cost.per_s, cost.joules)


def carry(phone: Phone, state: State, loads: Iterable[Load], dt: float) -> tuple[State, Flows]:
    total: Flows | None = None
    for after, flows in run(phone, state, loads, dt):
        state, total = after, flows if total is None else add(total, flows)
    assert total is not None
    return state, total


def day(profile: Profile) -> list[Load]:
    """Ten hours: answers, reading, standby, a cloud call, an hour on the charger, a cold and a hot place."""
    answer, call = decoding(profile), Load(screen=0.4, radio=0.5, speech_w=0.8, vision_w=3.0)
    hour = ([answer] * 40 + [Load(screen=0.4)] * 40 + [call] * 3 + [Load()] * 37) * 30
    charged = [load._replace(plugged=True) for load in hour]
    cold, hot = [load._replace(ambient_c=-5.0) for load in hour], [load._replace(ambient_c=38.0) for load in hour]
    return hour * 3 + charged + cold + hot + charged * 2 + hour * 2


def closes(phone: Phone, before: State, after: State, flows: Flows) -> None:
    """Both balances to 1e-6, the chemistry by the integral of the table and the heat by the nodes' temperatures."""
    cell, net = phone.cell, phone.network
    chemical = cell.stored_j(before.soc) - cell.stored_j(after.soc)
    pair = 0.5 * cell.c1_f * (after.v_rc**2 - before.v_rc**2)
    sources, sinks = chemical + flows.charger_j, flows.used_j + flows.r0_j + flows.rc_j + pair
    scale = flows.used_j + abs(chemical)
    assert abs(sources - sinks) <= 1e-6 * scale
    assert flows.heat_in_j == pytest.approx(flows.used_j + flows.r0_j + flows.rc_j + flows.converter_j, rel=1e-9)
    stored = sum(
        c * (b - a)
        for c, a, b in zip(net.capacities_j_k, before[3:6], after[3:6], strict=True)  # junction, spreader, body
    )
    assert abs(flows.heat_in_j - stored - flows.rejected_j) <= 1e-6 * (flows.heat_in_j + abs(stored))


@pytest.mark.parametrize("name", ["iphone-17-pro", "guide-phone", "android-flagship", "ar-glasses"])
def test_energy_closes_over_a_day(name: str) -> None:
    profile = load_profile(name)
    phone = Phone(profile)
    before = start(phone, 0.9)
    after, flows = carry(phone, before, day(profile), 1.0)
    assert after.time_s == pytest.approx(36_000.0)
    assert flows.charger_j > 0.0 < flows.decode_j
    parts = (
        flows.idle_j + flows.screen_j + flows.radio_j + flows.decode_j + flows.prefill_j + flows.vision_j
        + flows.speech_j + flows.loading_j
    )  # fmt: skip
    assert parts == pytest.approx(flows.used_j, rel=1e-9)
    closes(phone, before, after, flows)


def test_a_phone_at_rest_and_off_stays_as_it_is() -> None:
    profile = Profile.model_validate({**IPHONE.model_dump(), "power": {**IPHONE.power.model_dump(), "idle_w": 0.0}})
    phone = Phone(profile)
    before = start(phone, 0.5)
    after, flows = carry(phone, before, [Load()] * 600, 60.0)
    assert (after.soc, after.v_rc) == (0.5, 0.0)
    assert after.body_c == pytest.approx(25.0, abs=1e-9)
    assert flows.chemical_j == 0.0


def test_halving_the_step_converges() -> None:
    phone = Phone(IPHONE)
    ends = [
        carry(phone, start(phone, 0.8), [decoding(IPHONE)] * round(1400 / dt), dt)[0] for dt in (7.0, 3.5, 1.75, 0.875)
    ]
    gaps = [abs(a.soc - b.soc) for a, b in pairwise(ends)]
    assert gaps[0] < 1e-5
    assert gaps[1] < 0.6 * gaps[0]
    assert gaps[2] < 0.6 * gaps[1]


@pytest.mark.parametrize("dt", [0.5, 5.0, 20.0, 60.0])
def test_one_step_is_many_small_ones(dt: float) -> None:
    """Long steps are cut where the governor polls, so they see the same grants."""
    phone = Phone(IPHONE)
    fine, fine_flows = carry(phone, start(phone, 0.8), [decoding(IPHONE)] * 2400, 0.25)
    coarse, coarse_flows = carry(phone, start(phone, 0.8), [decoding(IPHONE)] * round(600 / dt), dt)
    assert coarse.time_s == pytest.approx(fine.time_s)
    assert coarse.soc == pytest.approx(fine.soc, abs=2e-5)
    assert coarse[3:6] == pytest.approx(fine[3:6], abs=2e-2)
    assert coarse_flows.decoded_tok == pytest.approx(fine_flows.decoded_tok, rel=5e-3)


def test_hotter_surroundings_are_never_faster() -> None:
    phone = Phone(IPHONE)
    tokens = []
    for ambient in (-10.0, 0.0, 15.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0):
        load = decoding(IPHONE, ambient_c=ambient)
        tokens.append(carry(phone, start(phone, 0.9, ambient_c=ambient), [load] * 3600, 1.0)[1].decoded_tok)
    assert tokens == sorted(tokens, reverse=True)
    assert tokens[-1] < 0.5 * tokens[3]


def test_a_smaller_pack_never_lasts_longer() -> None:
    lasted = []
    for energy_wh in (4.0, 8.0, 16.5, 20.0):
        battery = {**IPHONE.battery.model_dump(), "energy_wh": energy_wh}
        phone = Phone(Profile.model_validate({**IPHONE.model_dump(), "battery": battery}))
        lasted.append(_seconds_until_off(phone, decoding(IPHONE)))
    assert lasted == sorted(lasted)
    assert lasted[0] < 0.3 * lasted[2]


def _seconds_until_off(phone: Phone, load: Load) -> float:
    state = start(phone, 1.0)
    while not state.down:
        state, _ = step(phone, state, load, 7.0)
        assert state.time_s < 200_000.0
    assert state.soc > 0.0
    return state.time_s


def test_an_empty_phone_is_off_draws_nothing_and_comes_back_on_the_charger() -> None:
    phone = Phone(IPHONE)
    state = start(phone, 0.02)
    while not state.down:
        state, flows = step(phone, state, decoding(IPHONE), 1.0)
    assert state.down in {Down.EMPTY, Down.BROWN_OUT}
    state, flows = carry(phone, state, [decoding(IPHONE)] * 600, 1.0)
    assert flows.used_j == 0.0 == flows.decoded_tok
    state, flows = carry(phone, state, [Load(plugged=True)] * 1200, 1.0)
    assert state.down == Down.ON
    assert state.soc > 0.05


def test_a_power_beyond_a_cold_worn_cell_is_a_brown_out_not_an_exception() -> None:
    battery = {**IPHONE.battery.model_dump(), "r0_ohm": 2.0}
    phone = Phone(Profile.model_validate({**IPHONE.model_dump(), "battery": battery}))
    state, flows = step(phone, start(phone, 0.5, ambient_c=-20.0), decoding(IPHONE, ambient_c=-20.0), 1.0)
    assert state.down == Down.BROWN_OUT
    assert flows.used_j == 0.0
    assert is_sane(state)


def test_charging_is_constant_current_then_constant_voltage_then_full() -> None:
    phone = Phone(IPHONE)
    state = start(phone, 0.30)
    currents, volts = [], []
    for _ in range(4 * 3600):
        state, flows = step(phone, state, Load(plugged=True), 1.0)
        currents.append(-flows.current_a)
        volts.append(flows.voltage_v)
        if state.charging == Charging.FULL:
            break
    assert state.charging == Charging.FULL
    assert 0.98 < state.soc <= 1.0
    assert currents[60] == pytest.approx(IPHONE.charger.max_current_a)
    assert max(volts) <= IPHONE.charger.voltage_v + 1e-9
    tail = currents[currents.index(max(currents)) + 3000 :]
    assert currents[-1] < 0.3
    assert tail[-1] < tail[0]


def test_charging_stops_in_heat_and_in_frost() -> None:
    phone = Phone(IPHONE)
    for ambient in (47.0, -5.0):
        state, flows = carry(phone, start(phone, 0.5, ambient_c=ambient), [Load(ambient, plugged=True)] * 600, 1.0)
        assert state.charging == Charging.HELD
        assert state.soc <= 0.501
        assert flows.charger_j >= 0.95 * flows.used_j


def test_a_hot_phone_trips_and_turns_off_and_cools_down_again() -> None:
    phone = Phone(IPHONE)
    state = start(phone, 0.9, body_c=54.0)
    state, flows = carry(phone, state, [decoding(IPHONE, ambient_c=52.0, plugged=True)] * 60, 1.0)
    assert state.status >= ThermalStatus.EMERGENCY
    assert flows.granted < 0.2
    state, flows = carry(phone, start(phone, 0.9, body_c=56.0), [decoding(IPHONE)] * 60, 1.0)
    assert state.down == Down.HOT
    assert flows.decoded_tok == 0.0
    state, _ = carry(phone, state, [Load()] * 3600, 1.0)
    assert state.down == Down.ON


def test_the_radio_stays_up_for_its_tail() -> None:
    phone = Phone(IPHONE)
    state, first = step(phone, start(phone, 0.5), Load(radio=1.0), 1.0)
    _, after = carry(phone, state, [Load()] * 60, 1.0)
    assert first.radio_j == pytest.approx(IPHONE.power.radio_w)
    assert after.radio_j == pytest.approx(IPHONE.power.radio_tail_w * IPHONE.power.radio_tail_s)
    assert after.radio_j == pytest.approx(12.0, rel=0.05)


@pytest.mark.parametrize(
    "load",
    [
        Load(decode_tok_s=float("nan"), decode_j=1.0),
        Load(decode_tok_s=1e9, decode_j=float("inf")),
        Load(vision_w=-5.0),
        Load(ambient_c=float("nan")),
        Load(screen=-3.0),
    ],
)
def test_a_load_that_cannot_be_is_refused(load: Load) -> None:
    phone = Phone(IPHONE)
    with pytest.raises(ValueError, match="load"):
        step(phone, start(phone, 0.5), load, 1.0)


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan"), 1e9])
def test_a_step_that_cannot_be_is_refused(dt: float) -> None:
    phone = Phone(IPHONE)
    with pytest.raises(ValueError, match="step"):
        step(phone, start(phone, 0.5), Load(), dt)


def test_ten_hours_take_less_than_a_hundred_thousandth() -> None:
    """At least 100,000 times real time in steps of one second on one core: the best of five runs, by CPU time."""
    phone = Phone(IPHONE)
    loads = day(IPHONE)
    best = 0.0
    for _ in range(5):
        state = start(phone, 0.9)
        begin = time.process_time()
        for load in loads:
            state, _ = step(phone, state, load, 1.0)
        best = max(best, len(loads) / (time.process_time() - begin))
    assert best >= 100_000.0


def test_a_phone_that_is_asleep_draws_its_standby() -> None:
    phone = Phone(IPHONE)
    _, awake = step(phone, start(phone, 0.5), Load(), 7.0)
    _, asleep = step(phone, start(phone, 0.5), Load(asleep=True), 7.0)
    assert awake.used_w == pytest.approx(IPHONE.power.idle_w)
    assert asleep.used_w == pytest.approx(IPHONE.power.standby_w)
    assert asleep.used_w < 0.2 * awake.used_w
