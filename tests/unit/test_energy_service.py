"""The energy service under a clock of its own: what is set, the phone in time, and what the governor decides of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autoglm_desktop.assets import resource
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import Source
from autoglm_desktop.core import clock as host_clock
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.phone import Down
from autoglm_desktop.energy.policies import Goal, Policy
from tests.helpers.energy_services import (
    WALL_S,
    Card,
    Clock,
    answer_cap,
    bare_computer,
    log_of,
    pass_time,
    service_at,
    take_turn,
    usage_in,
)

NAN, INF = float("nan"), float("inf")


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


def test_a_choice_by_hand_wins_and_is_shown() -> None:
    service = service_at(Clock())
    service.set_choice(TierChoice.INT8)
    assert (service.decision.tier, service.decision.chosen_by_user) == (Tier.INT8, True)
    service.set_battery(0.01)
    assert (service.decision.tier, service.decision.at_once) == (Tier.INT8, False)
    assert "You chose INT8." in log_of(service)
    service.set_choice(TierChoice.AUTO)
    assert service.decision.tier is Tier.INT4


def test_heat_restrains_with_hysteresis_and_is_held_until_let_go() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_temperature(65.0)
    assert answer_cap(service) is None, "above 65, not at it"
    service.set_temperature(70.0)
    assert (answer_cap(service), service.decision.reuse_cached_answers) == (64, True)
    pass_time(service, clock, 30)
    assert service.view().snapshot.state.junction_c == 70.0
    service.set_temperature(64.0)
    assert answer_cap(service) == 64, "1.9 K of hysteresis"
    service.set_temperature(None)
    pass_time(service, clock, 60)
    assert (answer_cap(service), service.decision.reuse_cached_answers) == (None, False)
    said = log_of(service)
    assert any("at most 64 new tokens" in line for line in said)
    assert any("Cool enough again" in line for line in said)


def test_low_battery_releases_modalities_and_says_that_none_is_loaded() -> None:
    service = service_at(Clock())
    service.set_battery(0.25)
    assert service.decision.release_modalities
    assert "The battery is low: idle modalities are to be released, and none is loaded." in log_of(service)


def test_a_suspended_computer_pauses_the_phone_and_a_clock_that_goes_back_moves_nothing() -> None:
    clock = Clock()
    service = service_at(clock)
    pass_time(service, clock, 5)
    before = service.view().snapshot.state
    clock.now_s += 8 * 3600.0
    service.beat()
    assert service.view().snapshot.state == before
    assert "The simulated phone paused for 28800 s." in log_of(service)
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
    assert any(line.startswith("The simulated phone paused for 288") for line in log_of(service))


def test_an_empty_phone_is_off_and_a_slider_starts_it_again() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_battery(0.0)
    pass_time(service, clock, 5)
    assert service.view().snapshot.down is not Down.ON
    assert any("is off" in line for line in log_of(service))
    take_turn(service, Tier.INT4)
    service.set_battery(0.5)
    pass_time(service, clock, 5)
    assert service.view().snapshot.down is Down.ON
    assert service.view().snapshot.state.soc >= 0.0


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
    assert any(line.startswith("FP16 needs 2.5 GB") and "this computer" in line for line in log_of(service))
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
    assert "battery.r0_ohm" in log_of(started)[0]
    assert log_of(started)[1] == "Phone of the guide is simulated instead."


def test_sources_of_truth() -> None:
    card = Card(celsius=80.0)
    service = service_at(Clock(), gpu=card)
    service.set_battery(0.5)
    assert answer_cap(service) is None
    service.set_source(Source.WORST)
    assert (service.decision.tier, answer_cap(service)) == (Tier.INT8, 64), "its battery, the card's heat"
    service.set_source(Source.COMPUTER)
    assert answer_cap(service) == 64
    service.set_source(Source.PHONE)
    assert answer_cap(service) is None


def test_last_until_plans_by_the_demand_and_without_a_goal_is_steady() -> None:
    clock = Clock()
    service = service_at(clock)
    service.set_policy(Policy.LAST_UNTIL)
    assert service.decision.tier is Tier.FP16
    service.set_battery(0.2)
    service.set_goal(Goal(clock.wall() + 24 * 3600.0))
    assert answer_cap(service) == 64, "a fifth of a charge does not last a day with the screen on"
    assert "No tier lasts" in service.decision.reasons[0].english()
    service.set_goal(Goal(clock.wall() + 900.0))
    assert answer_cap(service) is None


def test_a_wall_clock_that_is_set_back_does_not_hide_the_demand() -> None:
    clock = Clock()
    back_s = 0.0
    service = EnergyService(
        settings=Settings(), computer=bare_computer(), clock=clock, wall=lambda: clock.wall() - back_s
    )
    service.set_policy(Policy.LAST_UNTIL)
    take_turn(service, Tier.FP16, usage_in(Tier.FP16, completion=1500))
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
