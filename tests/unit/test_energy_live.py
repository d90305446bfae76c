"""Work drives the phone: live or in a batch the same, at any speed, through jumps of the clock."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    Failed,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TierSwitched,
    Usage,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.live import LivePhone
from autoglm_desktop.energy.phone import Down, Phone, start, step
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.throttle import ThermalStatus
from autoglm_desktop.energy.workload import (
    Backlog,
    Conditions,
    Costs,
    Work,
    WorkTracker,
    finish,
    next_load,
    next_stage,
)

GUIDE = load_profile("guide-phone")
IPHONE = load_profile("iphone-17-pro")


def _usage(*, prompt: int, cached: int, completion: int, load_s: float = 0.0) -> Usage:
    return Usage(prompt, cached, completion, 0, load_s, 0.2, 0.2, 1.0, Tier.INT4, 1, 4096, Memory(1, 1, 1))


def test_a_turn_becomes_work() -> None:
    tracker = WorkTracker(Tier.INT8)
    events = (
        PhaseChanged("t", Phase.PREFILL, 0.5),
        ReasoningDelta("t", "hm", 2),
        TextDelta("t", "ab"),
        TierSwitched("t", Tier.INT8, Tier.INT4, 0.3, 120),
        TextDelta("t", "cd", 3),
        Finished("t", FinishReason.STOP, _usage(prompt=100, cached=60, completion=7, load_s=1.2)),
    )
    works = []
    for event in events:
        tracker, work = tracker.reduce(event)
        works.append(work)
    assert works == [
        None,
        Work(Tier.INT8, 2),
        Work(Tier.INT8, 1),
        Work(Tier.INT4, loads_weights=1),
        Work(Tier.INT4, 3),
        Work(Tier.INT4, decoded_tok=1, prefilled_tok=40, reused_tok=60, loads_weights=1),
    ]


def test_a_prompt_that_was_computed_in_part_is_charged_in_part() -> None:
    usage = replace(_usage(prompt=40_000, cached=60, completion=0), prefilled_tokens=0)
    refused = Failed("t", ErrorReport(ErrorCode.CONTEXT_FULL, msg("Full."), msg("Shorten.")), usage)
    assert WorkTracker(Tier.INT4).reduce(refused)[1] == Work(Tier.INT4, reused_tok=60)
    stopped = Finished("t", FinishReason.CANCELLED, replace(usage, prefilled_tokens=512))
    assert WorkTracker(Tier.INT4).reduce(stopped)[1] == Work(Tier.INT4, prefilled_tok=512, reused_tok=60)


def test_reused_tokens_cost_nothing() -> None:
    backlog = Backlog().add(Work(Tier.INT4, reused_tok=5000), GUIDE)
    assert backlog.is_empty


@pytest.mark.parametrize("count", [-1.0, float("nan"), float("inf")])
def test_work_that_cannot_be_is_refused(count: float) -> None:
    with pytest.raises(ValueError, match="work"):
        Backlog().add(Work(Tier.INT4, decoded_tok=count), GUIDE)


def test_the_phone_pays_for_its_own_model() -> None:
    """A hundred tokens of any small model cost what a hundred of the phone's model cost, in every tier."""
    for tier in Tier:
        live = LivePhone(GUIDE, soc=0.8)
        live.set_speed(60.0)
        live.work(Work(tier, decoded_tok=100.0))
        decode_j = 0.0
        for second in range(3):
            flows = live.tick(float(second)).flows
            decode_j += flows.decode_j if flows is not None else 0.0
        assert decode_j == pytest.approx(100.0 * GUIDE.power.read_j_gb * GUIDE.model.read_gb(tier), rel=1e-9)


def test_a_prompt_comes_before_its_answer_and_weights_before_both() -> None:
    costs = Costs.of(IPHONE)
    backlog = Backlog().add(Work(Tier.INT4, 10.0, 20.0, loads_weights=1), IPHONE)
    phone, state = Phone(IPHONE), start(Phone(IPHONE), 0.8)
    seen = []
    while not backlog.is_empty:
        load = next_load(backlog, costs, Conditions(), 0.1)
        state, flows = step(phone, state, load, 0.1)
        backlog = finish(backlog, costs, load, flows)
        seen.append((flows.loading_j > 0.0, flows.prefill_j > 0.0, flows.decode_j > 0.0))
    order = [max(i for i, s in enumerate(seen) if s[k]) for k in range(3)]
    assert order == sorted(order)
    assert state.time_s == pytest.approx(
        5.29 / 2.0 + 20.0 / costs.prefill.per_s + 10.0 / costs.decode[Tier.INT4].per_s, abs=0.11
    )


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_live_stepping_is_the_batch(speed: float) -> None:
    """However irregularly the clock is looked at, the states are those of fixed steps over the same work."""
    live = LivePhone(GUIDE, soc=0.6, ambient_c=30.0)
    live.set_conditions(screen=0.7)
    live.set_speed(speed)
    live.work(Work(Tier.INT4, decoded_tok=200.0, prefilled_tok=300.0, images=1.0))
    now = 100.0
    live.tick(now)
    for gap in (0.013, 0.1, 0.25, 1.7, 0.0, 3.037, 0.9):
        now += gap
        shown = live.tick(now)
    dt = 1.0 if speed >= 10.0 else 0.1
    phone, costs = Phone(GUIDE), Costs.of(GUIDE)
    state, around = start(phone, 0.6, ambient_c=30.0), Conditions(30.0, 0.7)
    backlog = Backlog().add(Work(Tier.INT4, decoded_tok=200.0, prefilled_tok=300.0, images=1.0), GUIDE)
    for _ in range(round(6.0 * speed / dt)):
        load = next_load(backlog, costs, around, dt)
        state, flows = step(phone, state, load, dt)
        backlog = finish(backlog, costs, load, flows)
    assert shown.state == state
    assert shown.backlog == backlog


def test_chatting_drains_and_heats() -> None:
    idle, busy = LivePhone(IPHONE), LivePhone(IPHONE)
    for live in (idle, busy):
        live.set_speed(60.0)
        live.tick(0.0)
    busy.work(Work(Tier.INT4, decoded_tok=5000.0))
    for second in range(1, 6):
        calm, worked = idle.tick(float(second)), busy.tick(float(second))
    assert worked.state.soc < calm.state.soc
    assert worked.state.junction_c > calm.state.junction_c + 5.0
    assert worked.mean_w > 2.0 * calm.mean_w
    assert calm.time_to_empty_s is not None
    assert worked.time_to_empty_s is not None
    assert worked.time_to_empty_s < 0.5 * calm.time_to_empty_s
    assert worked.joules > calm.joules > 0.0


def test_a_suspended_computer_pauses_the_phone_and_says_so() -> None:
    live = LivePhone(GUIDE)
    live.tick(0.0)
    before = live.tick(1.0)
    after = live.tick(8000.0)
    assert after.paused is not None
    assert "7999" in after.paused.english()
    assert after.state == before.state
    assert live.tick(8001.0).paused is None


@pytest.mark.parametrize("odd", [-50.0, float("nan"), float("inf")])
def test_a_clock_that_jumps_moves_nothing(odd: float) -> None:
    live = LivePhone(GUIDE)
    live.tick(0.0)
    before = live.tick(1.0).state
    assert live.tick(odd).state == before
    assert live.tick(odd + 1.0 if odd < 0.0 else 2.0).state.time_s > before.time_s


def test_sliders_are_clamped_and_nonsense_is_ignored() -> None:
    live = LivePhone(GUIDE, soc=0.5)
    for soc, kept in ((0.2, 0.2), (7.0, 1.0), (-1.0, 0.0), (float("nan"), 0.0)):
        live.set_battery(soc)
        assert live.tick(0.0).state.soc == kept
    live.set_battery(0.5)
    live.set_conditions(ambient_c=400.0, screen=-2.0, plugged=True)
    live.set_speed(1e9)
    shown = live.tick(0.0)
    assert shown.conditions == Conditions(50.0, 0.0, True)
    assert shown.speed == 600.0
    live.set_speed(float("nan"))
    assert live.tick(0.0).speed == 600.0


def test_heat_and_the_slider_bring_a_phone_down_and_back() -> None:
    live = LivePhone(GUIDE, soc=0.5)
    live.set_speed(600.0)
    live.tick(0.0)
    live.set_temperature(70.0)
    hot = live.tick(0.1)
    assert hot.down is Down.HOT
    assert hot.status is ThermalStatus.SHUTDOWN
    live.set_temperature(25.0)
    assert live.tick(0.2).down is Down.ON
    live.set_battery(0.0)
    assert live.tick(1.0).down in {Down.EMPTY, Down.BROWN_OUT}
    live.set_battery(0.8)
    assert live.tick(1.1).down is Down.ON


def test_work_may_come_from_any_thread() -> None:
    live = LivePhone(GUIDE, soc=0.9)
    live.set_speed(600.0)
    live.tick(0.0)

    def tell() -> None:
        for _ in range(200):
            live.work(Work(Tier.INT4, decoded_tok=1.0))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tenth in range(1, 20):
        shown = live.tick(tenth / 10.0)
    assert shown.decoded_tok == pytest.approx(800.0)
    assert shown.backlog.is_empty


def test_a_stage_lasts_until_its_work_is_done_at_the_granted_watts() -> None:
    """Steps as long as `next_stage` says empty the backlog stage by stage, however little is granted."""
    costs = Costs.of(GUIDE)
    work = Work(Tier.INT8, 40.0, 300.0, images=2.0, speech_s=3.0, loads_weights=1, radio_s=1.0)
    for granted_w in (float("inf"), 1.0):
        backlog, phone, seen = Backlog().add(work, GUIDE), Phone(GUIDE), 0
        state = start(phone, 0.8)._replace(granted_w=granted_w, poll_left_s=60.0)
        while not backlog.is_empty:
            load, seconds = next_stage(backlog, costs, Conditions(), state.granted_w)
            state, flows = step(phone, state, load, min(seconds, 60.0))
            state = state._replace(granted_w=granted_w, poll_left_s=60.0)
            backlog, seen = finish(backlog, costs, load, flows), seen + 1
            assert seen < 20
        cool_s = (
            12.0 / 2.3 + 300.0 / costs.prefill.per_s + 2.0 / costs.image.per_s + 40.0 / costs.decode[Tier.INT8].per_s
        )
        assert state.time_s == pytest.approx(cool_s) if granted_w > 10.0 else state.time_s > 1.5 * cool_s
    assert next_stage(Backlog(), costs, Conditions(), 1.0)[1] == float("inf")
    assert next_stage(Backlog(int4_tok=1.0), costs, Conditions(), 0.0)[1] == float("inf")
