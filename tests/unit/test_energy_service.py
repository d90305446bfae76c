"""The energy service under a clock of its own: work drains the phone, the governor decides, watchers hear."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from autoglm_desktop.assets import resource
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_desk import News
from autoglm_desktop.assistant.energy_history import History
from autoglm_desktop.assistant.energy_log import LOG_LINES
from autoglm_desktop.assistant.energy_view import EnergyView, Source
from autoglm_desktop.core import clock as host_clock
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import (
    EngineState,
    EngineStatus,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    TextDelta,
    TierSwitched,
    Usage,
)
from autoglm_desktop.core.perception import Modality, ModalityStatus
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.phone import Down
from autoglm_desktop.energy.policies import Goal, Policy
from autoglm_desktop.energy.profile import profile_ids
from tests.helpers.energy_services import WALL_S, Card, Clock, bare_computer, pass_time, service_at

NAN, INF = float("nan"), float("inf")


def _usage(tier: Tier, *, prompt: int = 100, cached: int = 60, completion: int = 20, load_s: float = 0.0) -> Usage:
    return Usage(prompt, cached, completion, 0, load_s, 0.2, 0.1, 1.0, tier, 1, 4096, Memory(1, 1, 1))


def _turn(service: EnergyService, tier: Tier, usage: Usage | None = None) -> None:
    meter = service.begin(tier)
    usage = usage or _usage(tier)
    for _ in range(usage.completion_tokens):
        service.take(meter, TextDelta("t", "x"))
    service.take(meter, Finished("t", FinishReason.STOP, usage))
    service.end(meter)


def _cap(service: EnergyService) -> int | None:
    return service.decision.max_new_tokens


def _log(service: EnergyService) -> list[str]:
    return [line.text.english() for line in service.view().log]


def test_a_fresh_service_has_the_guide_s_phone_at_eighty_percent_in_fp16() -> None:
    view = service_at(Clock()).view()
    assert (view.phone_id, view.snapshot.state.soc, view.decision.tier) == ("guide-phone", 0.8, Tier.FP16)
    assert (view.policy, view.source, view.speed, view.goal) == (Policy.STEADY, Source.PHONE, 1.0, None)
    assert "80.0 %" in view.decision.reasons[0].english()
    assert [line.text for line in view.log] == [view.decision.reasons[0]]


def test_the_slider_decides_at_once_and_both_ways() -> None:
    """Dragged through every level within a second: the minute of dwell is for drifting, not for a hand."""
    service = service_at(Clock())
    seen = []
    for percent in (*range(80, 19, -1), *range(20, 81)):
        service.set_battery(percent / 100.0)
        seen.append(service.decision.tier)
    assert seen[:61].index(Tier.INT8) == 80 - 67, "steady: 3 % below the guide's 70"
    assert seen[:61].index(Tier.INT4) == 80 - 27
    assert (seen[60], seen[-1]) == (Tier.INT4, Tier.FP16)
    service.set_policy(Policy.GUIDE)
    for percent, tier in ((71, Tier.FP16), (70, Tier.INT8), (31, Tier.INT8), (30, Tier.INT4)):
        service.set_battery(percent / 100.0)
        assert service.decision.tier is tier


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_values_that_are_none_change_nothing(bad: float) -> None:
    service = service_at(Clock())
    before = service.view().snapshot
    service.set_battery(bad)
    service.set_ambient(bad)
    service.set_screen(bad)
    service.set_speed(bad)
    service.set_temperature(bad)
    service.set_goal(Goal(bad))
    after = service.view()
    assert (after.snapshot.state, after.snapshot.conditions) == (before.state, before.conditions)
    assert (after.speed, after.goal, after.held_c) == (1.0, None, None)


def test_absurd_values_are_clamped() -> None:
    service = service_at(Clock())
    service.set_battery(-7.0)
    service.set_ambient(1e9)
    service.set_speed(1e9)
    service.set_screen(-1.0)
    service.set_goal(Goal(1e300, reserve=44.0))
    service.set_temperature(1e9)
    view = service.view()
    assert view.snapshot.state.soc == 0.0
    assert (view.snapshot.conditions.ambient_c, view.snapshot.conditions.screen, view.speed) == (50.0, 0.0, 600.0)
    assert view.goal == Goal(1e11, reserve=0.9)
    assert view.held_c == 110.0
    Settings.model_validate(service.settings_keys())


def test_an_idle_phone_drains_in_real_time_and_faster_at_a_higher_speed() -> None:
    clock = Clock()
    service = service_at(clock)
    pass_time(service, clock, 600)
    slow = 0.8 - service.view().snapshot.state.soc
    idle_and_screen_wh = (0.7 + 0.4 * 1.0) * 600 / 3600
    assert slow * 19.4 == pytest.approx(idle_and_screen_wh, rel=0.05)
    service.set_battery(0.8)
    service.set_speed(60.0)
    pass_time(service, clock, 600)
    assert 0.8 - service.view().snapshot.state.soc == pytest.approx(60 * slow, rel=0.1)
    assert service.view().phone_time_s == pytest.approx(clock.wall() + 59 * 600, abs=1.0)


def test_a_turn_becomes_work_a_price_and_figures() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_battery(0.5)
    before = service.view().snapshot
    _turn(service, Tier.INT8, _usage(Tier.INT8, load_s=1.0))
    view = service.view()
    assert before.backlog.is_empty
    assert view.snapshot.backlog.int8_tok == 20
    assert (view.snapshot.backlog.prefill_tok, view.snapshot.backlog.loading_gb) == (40, 12.0)
    assert (view.kv_saved_tokens, view.kv_prompt_tokens) == (60, 100)
    assert view.last_turn is not None
    assert (view.last_turn.tokens, view.last_turn.tier, view.last_turn.phone_id) == (20, Tier.INT8, "guide-phone")
    assert view.last_turn.phone.provenance is Provenance.SIMULATED
    assert view.last_turn.computer is None, "no counter, no estimate: nothing"


def test_the_price_is_what_the_phone_then_spends() -> None:
    """The sum of the flows over the time that the work takes, against the figure under the answer."""
    clock = Clock()
    service = service_at(clock)
    _turn(service, Tier.FP16, _usage(Tier.FP16, prompt=400, cached=0, completion=40))
    energy = service.view().last_turn
    assert energy is not None
    spent = seconds = 0.0
    while not service.view().snapshot.backlog.is_empty:
        clock.now_s += 0.1
        service.beat()
        flows = service.view().snapshot.flows
        assert flows is not None
        spent += flows.used_j
        seconds += flows.dt_s
    assert seconds == pytest.approx(40 * 0.1 + 400 * 9 / 1000, abs=0.11)
    assert energy.phone.value == pytest.approx(spent, rel=0.02)


def test_a_low_tier_costs_less_per_token_and_reused_tokens_cost_nothing() -> None:
    service = service_at(Clock())
    joules = []
    for tier in (Tier.INT4, Tier.INT8, Tier.FP16):
        _turn(service, tier, _usage(tier, prompt=100, cached=100))
        found = service.view().last_turn
        assert found is not None
        joules.append((found.phone.value or 0.0) / found.tokens)
    processor = [each - (0.7 + 0.4) * s for each, s in zip(joules, (0.25, 0.15, 0.10), strict=True)]
    assert processor == sorted(processor)
    assert processor[2] == pytest.approx(0.45, rel=0.02), "the guide's 4.5 W at 10 tokens a second"


@pytest.mark.parametrize("brightness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("phone_id", profile_ids())
def test_a_lower_tier_never_costs_more_per_token_however_bright_the_screen(phone_id: str, brightness: float) -> None:
    service = service_at(Clock())
    service.set_phone(phone_id)
    service.set_screen(brightness)
    joules = []
    for tier in (Tier.INT4, Tier.INT8, Tier.FP16):
        _turn(service, tier, _usage(tier, prompt=100, cached=100))
        found = service.view().last_turn
        assert found is not None
        joules.append((found.phone.value or 0.0) / found.tokens)
    assert joules == sorted(joules)


def test_a_counter_measures_the_answer_and_waiting_is_not_its() -> None:
    card = Card()
    service = service_at(Clock(), gpu=card)
    meter = service.begin(Tier.INT4)
    service.take(meter, PhaseChanged("t", Phase.QUEUED))
    card.joules += 500.0
    service.take(meter, PhaseChanged("t", Phase.PREFILL, 0.0))
    card.joules += 12.5
    service.take(meter, TextDelta("t", "x"))
    service.take(meter, Finished("t", FinishReason.STOP, _usage(Tier.INT4, completion=1)))
    energy = service.end(meter)
    assert energy is not None
    assert energy.computer is not None
    assert (energy.computer.value, energy.computer.provenance) == (12.5, Provenance.MEASURED)


def test_a_turn_that_did_nothing_has_no_energy() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.INT4)
    assert service.end(meter) is None
    assert service.view().last_turn is None
    assert service.view().answering == 0


def test_an_engine_that_counts_backwards_costs_nothing() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.INT4)
    for bad in (TextDelta("t", "x", tokens=-5), TextDelta("t", "y", tokens=3)):
        service.take(meter, bad)
    energy = service.end(meter)
    assert service.view().snapshot.backlog.int4_tok == 3
    assert energy is not None
    assert energy.tokens == 3
    assert energy.phone.value == pytest.approx(3 * (0.01875 * 6.04 + 1.1 * 0.25), rel=0.01)


def test_during_an_answer_the_tier_waits_for_its_end() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.FP16)
    service.set_battery(0.2)
    waiting = service.decision
    assert waiting.tier is Tier.FP16
    assert "INT4 follows after this answer" in waiting.reasons[0].english()
    service.end(meter)
    assert service.decision.tier is Tier.INT4


def test_an_emergency_asks_for_the_tier_at_once_and_so_does_a_change_before_a_waiting_turn() -> None:
    service = service_at(Clock())
    told: list[News] = []
    service.connect(told.append, lambda: None)
    first, second = service.begin(Tier.FP16), service.begin(Tier.FP16)
    service.set_battery(0.2)
    assert not any(news.at_once for news in told)
    told.clear()
    service.end(first)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, True)]
    service.end(second)
    service.set_battery(0.8)
    third = service.begin(Tier.FP16)
    told.clear()
    service.set_battery(0.01)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, True)]
    service.end(third)


def test_under_guide_a_turn_that_waits_does_not_keep_the_tier_that_it_was_asked_in() -> None:
    """The guide decides in the middle of an answer; at its end there is no news, and still a turn to be told."""
    service = service_at(Clock())
    service.set_policy(Policy.GUIDE)
    told: list[News] = []
    service.connect(told.append, lambda: None)
    first, second = service.begin(Tier.FP16), service.begin(Tier.FP16)
    service.take(first, PhaseChanged("t", Phase.GENERATING))
    service.set_battery(0.2)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, False)]
    told.clear()
    service.end(first)
    assert [(news.decision.tier, news.at_once) for news in told] == [(Tier.INT4, True)]
    service.tier_set(Tier.INT4)
    assert second.tier is Tier.INT4
    third = service.begin(Tier.INT4)
    told.clear()
    service.end(second)
    assert told == []
    service.end(third)


def test_a_turn_that_waited_is_priced_in_the_tier_that_it_is_made_in() -> None:
    service = service_at(Clock())
    running, waiting = service.begin(Tier.FP16), service.begin(Tier.FP16)
    service.take(running, PhaseChanged("t", Phase.GENERATING))
    service.tier_set(Tier.INT4)
    assert (running.tier, waiting.tier) == (Tier.FP16, Tier.INT4)
    service.take(waiting, TextDelta("u", "x", 5))
    service.beat()
    assert service.view().snapshot.backlog.int4_tok == 5


def test_a_choice_by_hand_wins_and_is_shown() -> None:
    service = service_at(Clock())
    service.set_choice(TierChoice.INT8)
    assert (service.decision.tier, service.decision.chosen_by_user) == (Tier.INT8, True)
    service.set_battery(0.01)
    assert (service.decision.tier, service.decision.at_once) == (Tier.INT8, False)
    assert "You chose INT8." in _log(service)
    service.set_choice(TierChoice.AUTO)
    assert service.decision.tier is Tier.INT4


def test_heat_restrains_with_hysteresis_and_is_held_until_let_go() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_temperature(65.0)
    assert _cap(service) is None, "above 65, not at it"
    service.set_temperature(70.0)
    assert (_cap(service), service.decision.reuse_cached_answers) == (64, True)
    pass_time(service, clock, 30)
    assert service.view().snapshot.state.junction_c == 70.0
    service.set_temperature(64.0)
    assert _cap(service) == 64, "1.9 K of hysteresis"
    service.set_temperature(None)
    pass_time(service, clock, 60)
    assert (_cap(service), service.decision.reuse_cached_answers) == (None, False)
    said = _log(service)
    assert any("at most 64 new tokens" in line for line in said)
    assert any("Cool enough again" in line for line in said)


def test_low_battery_releases_modalities_and_says_that_none_is_loaded() -> None:
    service = service_at(Clock())
    service.set_battery(0.25)
    assert service.decision.release_modalities
    assert "The battery is low: idle modalities are to be released, and none is loaded." in _log(service)


def test_a_suspended_computer_pauses_the_phone_and_a_clock_that_goes_back_moves_nothing() -> None:
    clock = Clock()
    service = service_at(clock)
    pass_time(service, clock, 5)
    before = service.view().snapshot.state
    clock.now_s += 8 * 3600.0
    service.beat()
    assert service.view().snapshot.state == before
    assert "The simulated phone paused for 28800 s." in _log(service)
    clock.now_s -= 3600.0
    service.beat()
    assert service.view().snapshot.state == before
    pass_time(service, clock, 5)
    assert service.view().snapshot.state.soc < before.soc


def test_the_clock_of_a_service_goes_on_while_the_computer_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """`time.monotonic` stands still during suspend on Linux; the clock since the start of the computer does not."""
    if host_clock._ID is None:
        pytest.skip("this system has one clock only, which counts suspended time")
    read, slept_s = time.clock_gettime, 0.0
    monkeypatch.setattr(
        time, "clock_gettime", lambda which: read(which) + (slept_s if which == host_clock._ID else 0.0)
    )
    service = EnergyService(settings=Settings(), computer=bare_computer())
    service.beat()
    awake_s, slept_s = time.monotonic(), 8 * 3600.0
    service.beat()
    assert time.monotonic() - awake_s < slept_s / 2
    assert any(line.startswith("The simulated phone paused for 288") for line in _log(service))


def test_an_empty_phone_is_off_and_a_slider_starts_it_again() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_battery(0.0)
    pass_time(service, clock, 5)
    assert service.view().snapshot.down is not Down.ON
    assert any("is off" in line for line in _log(service))
    _turn(service, Tier.INT4)
    service.set_battery(0.5)
    pass_time(service, clock, 5)
    assert service.view().snapshot.down is Down.ON
    assert service.view().snapshot.state.soc >= 0.0


def test_a_phone_that_is_off_does_no_work_and_is_charged_for_none() -> None:
    clock = Clock()
    service = service_at(clock)
    _turn(service, Tier.FP16, _usage(Tier.FP16, completion=500))
    service.set_battery(0.0)
    pass_time(service, clock, 5)
    assert service.view().snapshot.backlog.is_empty, "what it was doing is lost"
    meter = service.begin(Tier.INT4)
    for _ in range(20):
        service.take(meter, TextDelta("t", "x"))
    service.take(meter, Finished("t", FinishReason.STOP, _usage(Tier.INT4)))
    energy = service.end(meter)
    assert energy is not None
    assert (energy.phone.value, energy.tokens) == (0.0, 20)
    assert "was off" in str(energy.phone.reason)
    assert service.view().snapshot.backlog.is_empty
    service.set_battery(0.5)
    pass_time(service, clock, 5)
    assert service.view().snapshot.backlog.is_empty
    _turn(service, Tier.INT4)
    turn = service.view().last_turn
    assert turn is not None
    assert turn.phone.value
    assert turn.phone.reason is None


def test_another_phone_keeps_charge_and_surroundings_and_its_memory_decides() -> None:
    service = service_at(Clock())
    service.set_ambient(30.0)
    service.set_plugged(True)
    service.set_phone("ar-glasses")
    view = service.view()
    assert (view.phone_id, view.snapshot.state.soc, view.snapshot.conditions.ambient_c) == ("ar-glasses", 0.8, 30.0)
    assert view.snapshot.conditions.plugged
    told = "FP16 needs 2.5 GB and an app on this phone may hold 2.0 GB: INT8, 1.3 GB."
    assert view.decision.reasons[0].english() == told
    assert service.misfit(Tier.INT8) is None
    service.set_choice(TierChoice.FP16)
    assert (service.decision.tier, service.decision.misfit) == (Tier.FP16, service.misfit(Tier.FP16))
    assert any(line.startswith("FP16 needs 2.5 GB") and "this computer" in line for line in _log(service))
    with pytest.raises(AppError) as refused:
        service.set_phone("nokia-3310")
    assert refused.value.report.code is ErrorCode.BAD_INPUT
    assert service.view().phone_id == "ar-glasses"


def test_phones_of_the_user_s_own_folder_and_damaged_ones(tmp_path: Path) -> None:
    shipped = (resource("phones") / "guide-phone.toml").read_text(encoding="utf-8")
    mine = shipped.replace('id = "guide-phone"', 'id = "my-phone"')
    (tmp_path / "my-phone.toml").write_text(mine, encoding="utf-8")
    (tmp_path / "broken.toml").write_text(
        shipped.replace('id = "guide-phone"', 'id = "broken"').replace("r0_ohm = 0.075", "r0_ohm = -3"),
        encoding="utf-8",
    )
    (tmp_path / "other-name.toml").write_text(mine, encoding="utf-8")
    service = service_at(Clock(), own_phones=tmp_path)
    assert {"my-phone", "broken", "iphone-17-pro"} <= set(service.phones())
    service.set_phone("my-phone")
    assert service.view().phone_id == "my-phone"
    for name, key in (("broken", "battery.r0_ohm"), ("other-name", "id ('my-phone')")):
        with pytest.raises(AppError) as refused:
            service.set_phone(name)
        assert key in str(refused.value)
        assert f"{name}.toml" in str(refused.value)
    assert service.view().phone_id == "my-phone"
    started = service_at(Clock(), Settings(phone_id="broken"), own_phones=tmp_path)
    assert started.view().phone_id == "guide-phone"
    assert "battery.r0_ohm" in _log(started)[0]
    assert _log(started)[1] == "Phone of the guide is simulated instead."


def test_sources_of_truth() -> None:
    card = Card(celsius=80.0)
    service = service_at(Clock(), gpu=card)
    service.set_battery(0.5)
    assert _cap(service) is None
    service.set_source(Source.WORST)
    assert (service.decision.tier, _cap(service)) == (Tier.INT8, 64), "its battery, the card's heat"
    service.set_source(Source.COMPUTER)
    assert _cap(service) == 64
    service.set_source(Source.PHONE)
    assert _cap(service) is None


def test_last_until_plans_by_the_demand_and_without_a_goal_is_steady() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_policy(Policy.LAST_UNTIL)
    assert service.decision.tier is Tier.FP16
    service.set_battery(0.2)
    service.set_goal(Goal(clock.wall() + 24 * 3600.0))
    assert _cap(service) == 64, "a fifth of a charge does not last a day with the screen on"
    assert "No tier lasts" in service.decision.reasons[0].english()
    service.set_goal(Goal(clock.wall() + 900.0))
    assert _cap(service) is None


def test_a_wall_clock_that_is_set_back_does_not_hide_the_demand() -> None:
    clock = Clock()
    back_s = 0.0
    service = EnergyService(
        settings=Settings(), computer=bare_computer(), clock=clock, wall=lambda: clock.wall() - back_s
    )
    service.set_policy(Policy.LAST_UNTIL)
    _turn(service, Tier.FP16, _usage(Tier.FP16, completion=1500))
    pass_time(service, clock, 120)
    tiers = []
    for back_s in (0.0, 3600.0):
        pass_time(service, clock, 2)
        service.set_goal(Goal(clock.wall() - back_s + 5 * 3600.0))
        tiers.append(service.decision.tier)
    assert Tier.FP16 not in tiers, "ten tokens a second do not last five hours"


def test_what_is_chosen_and_where_the_phone_stands_go_into_the_settings_and_back() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_battery(0.42)
    service.set_plugged(True)
    service.set_ambient(31.0)
    service.set_screen(0.9)
    service.set_speed(60.0)
    service.set_policy(Policy.GUIDE)
    service.set_source(Source.WORST)
    service.set_goal(Goal(WALL_S + 1e5, 0.2))
    service.set_phone("android-flagship")
    settings = Settings.model_validate(service.settings_keys())
    again = service_at(clock, settings)
    assert again.settings_keys() == service.settings_keys()
    assert again.view().snapshot.state.soc == pytest.approx(0.42)
    assert again.view().snapshot.conditions == service.view().snapshot.conditions
    assert Settings().phone_screen is None
    assert service_at(clock).settings_keys()["phone_screen"] is None, "the profile's own brightness"


def test_choices_are_saved_soon_after_and_once() -> None:
    clock = Clock()
    service = service_at(clock)
    saved: list[float] = []
    service.connect(lambda _: None, lambda: saved.append(clock.now_s))
    for _ in range(30):
        clock.now_s += 0.05
        service.set_battery(0.5)
        service.beat()
    assert saved == []
    pass_time(service, clock, 10)
    assert len(saved) == 1


def test_a_model_loaded_ahead_is_work_and_one_that_a_turn_tells_of_counts_once() -> None:
    service = service_at(Clock())
    loading = EngineStatus(EngineState.LOADING, "m", Tier.INT4, 0.5)
    ready = EngineStatus(EngineState.READY, "m", Tier.INT4, memory=Memory(5, 0, 9))
    service.engine_changed(loading)
    service.engine_changed(ready)
    service.engine_changed(ready)
    assert service.view().snapshot.backlog.loading_gb == 0.0, "as of the last move"
    service.beat()
    clock_service = service_at(Clock())
    clock_service.engine_changed(loading)
    _turn(clock_service, Tier.INT4, _usage(Tier.INT4, load_s=2.0))
    clock_service.engine_changed(ready)
    clock_service.beat()
    assert service.view().snapshot.backlog.loading_gb == 6.0
    assert clock_service.view().snapshot.backlog.loading_gb == 6.0


@pytest.mark.parametrize("model", [("m", Tier.INT4), (None, None)])
def test_a_modality_that_is_loaded_is_no_reading_of_the_model(model: tuple[str | None, Tier | None]) -> None:
    name, tier = model
    service = service_at(Clock())
    service.engine_changed(EngineStatus(EngineState.READY, name, tier))
    for fraction in (0.0, 0.5):
        service.engine_changed(EngineStatus(EngineState.LOADING, name, tier, fraction))
    loaded = (ModalityStatus(Modality.SPEECH, loaded=True, bytes_held=20_000_000),)
    service.engine_changed(EngineStatus(EngineState.READY, name, tier, modalities=loaded))
    service.beat()
    assert service.view().snapshot.backlog.loading_gb == pytest.approx(0.02)
    service.engine_changed(EngineStatus(EngineState.LOADING, "other", Tier.INT4, 0.0, modalities=loaded))
    service.engine_changed(EngineStatus(EngineState.READY, "other", Tier.INT4, modalities=loaded))
    service.beat()
    assert service.view().snapshot.backlog.loading_gb == pytest.approx(6.02)


def test_a_switch_in_mid_turn_is_work_in_the_new_tier() -> None:
    service = service_at(Clock())
    meter = service.begin(Tier.FP16)
    for event in (TextDelta("t", "a"), TierSwitched("t", Tier.FP16, Tier.INT4, 0.1, 5), TextDelta("t", "b")):
        service.take(meter, event)
    energy = service.end(meter)
    backlog = service.view().snapshot.backlog
    assert (backlog.fp16_tok, backlog.int4_tok, backlog.loading_gb) == (1, 1, 6.0)
    assert energy is not None
    assert energy.tier is Tier.INT4


def test_memory_tells_what_is_loaded_and_why_the_rest_is_not() -> None:
    service = service_at(Clock())
    language, kv, images, speech = service.view().memory
    assert [part.loaded for part in (language, kv, images, speech)] == [False] * 4
    assert language.can_load
    service.engine_changed(EngineStatus(EngineState.READY, "m", Tier.INT8, memory=Memory(500, 70, 900)))
    language, kv, images, speech = service.view().memory
    assert (language.bytes, language.loaded, kv.bytes, kv.loaded) == (500, True, 70, True)
    assert "INT8" in language.reason.english()
    assert all(part.reason.english() for part in (images, speech))


def test_the_log_is_bounded() -> None:
    service = service_at(Clock())
    for number in range(3 * LOG_LINES):
        service.set_battery(0.8 if number % 2 else 0.1)
    assert len(service.view().log) == LOG_LINES


def test_the_series_holds_the_last_ten_minutes_in_order() -> None:
    clock = Clock()
    service = service_at(clock)
    assert len(service.series().time_s) == 0
    pass_time(service, clock, 3)
    snapshot = service.view().snapshot
    history = History()
    for number in range(13_500):
        history.add(number * 0.09, snapshot, Tier.INT8)
    series = history.series()
    assert len(series.time_s) == len(history) == 6000
    assert series.time_s == pytest.approx([number * 0.09 for number in range(7500, 13_500)])
    for number in range(300):
        history.add(2000.0 + number, snapshot, Tier.INT4)
    assert history.series().time_s[0] >= 2299.0 - 600.0, "rows that are older than the span are not shown"
    parts = (
        series.idle_w, series.screen_w, series.radio_w, series.decode_w, series.prefill_w, series.vision_w,
        series.speech_w, series.loading_w,
    )  # fmt: skip
    assert sum(float(part[-1]) for part in parts) == pytest.approx(1.1, rel=1e-6)
    assert float(series.cell_w[-1]) == pytest.approx(1.1, rel=0.05)
    assert set(series.tier.tolist()) == {1.0}


def test_the_series_shows_the_decoding() -> None:
    clock = Clock()
    service = service_at(clock)
    _turn(service, Tier.FP16)
    pass_time(service, clock, 3, 0.1)
    series = service.series()
    assert series.decode_w.max() == pytest.approx(4.5, rel=0.05)
    assert series.decode_w[-1] == 0.0
    assert set(series.tier.tolist()) == {0.0}


def test_the_thread_beats_for_watchers_and_ends() -> None:
    service = EnergyService(settings=Settings())
    seen: list[EnergyView] = []
    enough = threading.Event()

    def look(view: EnergyView) -> None:
        seen.append(view)
        assert threading.current_thread().name == "energy"
        if len(seen) >= 4:
            enough.set()

    def fail(_: EnergyView) -> None:
        raise RuntimeError("a watcher's fault")

    service.start()
    service.start()
    assert service.view().computer.battery.reason is not None
    end_faulty, end = service.watch(fail, fast=True), service.watch(look, fast=True)
    assert enough.wait(10.0)
    end()
    end_faulty()
    service.set_battery(0.3)
    service.close()
    service.close()
    assert seen[-1].snapshot.state.time_s > seen[0].snapshot.state.time_s
    assert not any(thread.name == "energy" for thread in threading.enumerate())


def test_slow_watchers_hear_once_a_second_and_fast_ones_at_every_beat() -> None:
    clock = Clock()
    service = service_at(clock)
    fast: list[EnergyView] = []
    slow: list[EnergyView] = []
    service.watch(slow.append, fast=False)
    assert service.beat() == 1.0
    end = service.watch(fast.append, fast=True)
    for _ in range(30):
        clock.now_s += 0.1
        assert service.beat() == 0.1
    assert len(fast) == 30
    assert len(slow) == 4
    end()
    clock.now_s += 0.1
    assert service.beat() == 1.0
    assert len(fast) == 30


def test_the_sensors_rest_while_nobody_looks() -> None:
    card = Card()
    clock = Clock()
    service = service_at(clock, gpu=card)
    pass_time(service, clock, 5)
    card.celsius = 99.0
    assert service.view().computer.gpu_temp.value == 99.0
    card.celsius = 40.0
    service.beat()
    assert service.view().computer.gpu_temp.value == 99.0, "a reading is a second old at most"
    clock.now_s += 1.0
    assert service.view().computer.gpu_temp.value == 40.0
