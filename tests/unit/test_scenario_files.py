"""Scenario files: those that ship, the user's own, and what is refused with file, key and range."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.text_files import MAX_CONFIG_BYTES
from autoglm_desktop.energy.profile import profile_ids
from autoglm_desktop.energy.scenario import MAX_TURNS, clock_s, clock_text
from autoglm_desktop.energy.scenario_files import load_scenario, read_scenario, scenario_ids
from autoglm_desktop.energy.scenario_turns import turns_of
from autoglm_desktop.energy.sweep import read_grid

SHIPPED = (
    "booth-day", "commute", "hot-car", "night-standby", "travel-day", "voice-session", "winter-street",
)  # fmt: skip
PLAIN = """
id = "mine"
name = { en = "Mine", zh_CN = "我的" }
description = { en = "A day.", zh_CN = "一天。" }
end = "12:00"
[start]
time = "08:00"
battery_percent = 80
"""
PHASE = '[[phases]]\nbegin = "{}"\nend = "{}"\n'


def _write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(path: Path, own: Path | None = None) -> str:
    with pytest.raises(AppError) as caught:
        read_scenario(path, own)
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    told = caught.value.report.line()
    assert str(path.name) in told
    return told


def test_every_shipped_scenario_can_be_read_and_asks_something() -> None:
    assert scenario_ids() == SHIPPED
    for name in SHIPPED:
        scenario = load_scenario(name)
        assert scenario.id == name
        assert scenario.phone in profile_ids()
        assert scenario.name.of("zh_CN") != scenario.name.of("en")
        turns = turns_of(scenario)
        assert len(turns) > 10
        assert [turn.at_s for turn in turns] == sorted(turn.at_s for turn in turns)
        assert all(0.0 <= turn.at_s < scenario.duration_s for turn in turns)


def test_the_seed_alone_decides_and_the_scale_scales() -> None:
    scenario = load_scenario("travel-day")
    assert turns_of(scenario) == turns_of(scenario) == turns_of(scenario, seed=scenario.seed)
    assert turns_of(scenario, seed=2) != turns_of(scenario)
    many, few = (len(turns_of(scenario, scale=scale)) for scale in (3.0, 0.3))
    assert many > 5 * few > 0
    given = load_scenario("voice-session")
    assert turns_of(given, scale=0.0) == ()


def test_clock_times() -> None:
    assert clock_s("08:30") == 30600.0
    assert clock_s("25:00:05") == 90005.0
    assert clock_text(clock_s("25:07")) == "01:07"
    for wrong in ("-01:00", "8.5", "08:61", "999:00", 8, None, "08:00:00:00"):
        with pytest.raises(ValueError, match="HH:MM"):
            clock_s(wrong)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLAIN + "colour = 1\n", "start.colour"),
        (PLAIN.replace("end =", "ends =", 1), "ends"),
        (PLAIN.replace("80", "180"), "less than or equal to 100"),
        (PLAIN.replace("80", "nan"), "battery_percent"),
        (PLAIN.replace('"08:00"', '"-08:00"'), "HH:MM"),
        (PLAIN.replace('"12:00"', '"07:00"'), "after start.time"),
        (PLAIN.replace('"12:00"', '"300:00"'), "HH:MM"),
        (PLAIN + PHASE.format("08:00", "10:00") + PHASE.format("09:59", "11:00"), "08:00 to 10:00 overlaps"),
        (PLAIN + PHASE.format("09:00", "08:00"), "begin must come before end"),
        (PLAIN + PHASE.format("07:00", "09:00"), "between start.time and end"),
        (PLAIN + PHASE.format("08:00", "09:00") + "asleep = true\nscreen = 0.5\n", "screen must be 0"),
        (PLAIN + PHASE.format("08:00", "09:00") + "ambient_c = 400\n", "less than or equal to 50"),
        (PLAIN + '[goal]\nuntil = "19:00"\n', "goal.until"),
        (PLAIN + '[[conversations]]\nat = "13:00"\n', "conversations"),
        (PLAIN + '[[conversations]]\nat = "09:00"\nanswer_tok = -5\n', "greater than or equal to 1"),
        (PLAIN + '[[random]]\nbegin = "08:00"\nend = "09:00"\nper_hour = 5\nturns = [3, 1]\n', "turns: the least"),
        (PLAIN + '[[random]]\nbegin = "08:00"\nend = "12:00"\nper_hour = 700\nturns = 900\n', str(MAX_TURNS)),
        ("id = [", "mine.toml"),
        ('extends = "nothing"\n', "nothing"),
        ("", "start"),
    ],
)
def test_what_cannot_be_is_refused_with_key_and_range(text: str, told: str, tmp_path: Path) -> None:
    assert told in _refusal(_write(tmp_path, text))


def test_ten_megabytes_of_workload_are_refused_at_once(tmp_path: Path) -> None:
    path = _write(tmp_path, PLAIN + '[[conversations]]\nat = "09:00"\n' * 330_000)
    assert path.stat().st_size > 10_000_000
    began = time.perf_counter()
    assert str(MAX_CONFIG_BYTES) in _refusal(path)
    assert time.perf_counter() - began < 1.0


def test_many_mistakes_are_counted_not_poured_out(tmp_path: Path) -> None:
    told = _refusal(_write(tmp_path, PLAIN + '[[conversations]]\nat = "-1"\n' * 5000))
    assert "4994" in told
    assert len(told) < 3000


def test_a_file_may_extend_another(tmp_path: Path) -> None:
    _write(tmp_path, PLAIN)
    later = '\n[start]\nbattery_percent = 20\n[[phases]]\nbegin = "08:00"\nend = "09:00"\nplugged = true\n'
    scenario = read_scenario(_write(tmp_path, f'extends = "mine"\nid = "other"\n{later}', "other"), tmp_path)
    assert (scenario.id, scenario.start.battery_percent, scenario.start.time) == ("other", 20.0, clock_s("08:00"))
    assert scenario.phases[0].plugged


def test_circles_are_named(tmp_path: Path) -> None:
    _write(tmp_path, 'extends = "b"', "a")
    _write(tmp_path, 'extends = "a"', "b")
    with pytest.raises(AppError, match="circle") as caught:
        load_scenario("a", tmp_path)
    assert "a → b → a" in caught.value.report.line()


def test_own_scenarios_stand_beside_those_that_ship(tmp_path: Path) -> None:
    path = _write(tmp_path, PLAIN)
    assert "mine" in scenario_ids(tmp_path)
    assert load_scenario("mine", tmp_path) == load_scenario(str(path))
    with pytest.raises(AppError, match="commute"):
        load_scenario("nowhere", tmp_path)
    for read in (load_scenario, lambda path: read_grid(Path(path))):
        with pytest.raises(AppError, match=r"no file .*gone") as caught:
            read(str(tmp_path / "gone.toml"))
        assert "commute" in str(caught.value.report.next_step)
