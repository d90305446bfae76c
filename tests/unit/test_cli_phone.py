"""Commands and the window use one phone: where a command leaves it, the next one takes it up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoglm_desktop.app import take_lock
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.cli.context import keep_phone
from autoglm_desktop.core.events import TextDelta
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import load_settings
from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.energy_services import Clock, service_at

STORED = {"theme": "dark", "phone_battery": 0.5, "from_the_future": [1, 2]}


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    (tmp_path / "settings.json").write_text(json.dumps(STORED))
    return DataPaths(tmp_path)


def _worked(paths: DataPaths, tokens: int = 1000) -> EnergyService:
    """A phone that was taken from the settings and asked for an answer that it did not finish."""
    clock = Clock()
    service = service_at(clock, load_settings(paths.settings)[0])
    meter = service.begin(Tier.INT8)
    service.take(meter, TextDelta("t", "x", tokens))
    service.end(meter)
    return service


def test_what_a_command_asked_is_worked_off_and_stays_on_the_phone(paths: DataPaths) -> None:
    service = _worked(paths)
    keep_phone(paths, service)
    saved = load_settings(paths.settings)[0]
    spent_j = 1000 * (0.01875 * 12.04 + 0.15 * 1.1)
    assert (0.5 - saved.phone_battery) * 19.4 * 3600.0 == pytest.approx(spent_j, rel=0.06)
    assert (saved.theme, saved.unknown_keys) == ("dark", ("from_the_future",))
    keep_phone(paths, _worked(paths))
    again = load_settings(paths.settings)[0].phone_battery
    assert saved.phone_battery - again == pytest.approx(0.5 - saved.phone_battery, rel=0.02)


def test_a_window_that_is_open_has_the_phone_in_hand(paths: DataPaths) -> None:
    lock = take_lock(paths.data_dir)
    assert lock is not None
    keep_phone(paths, _worked(paths))
    lock.release()
    assert json.loads(paths.settings.read_text()) == STORED
    keep_phone(paths, _worked(paths))
    free = take_lock(paths.data_dir)
    assert free is not None, "the lock is given back"
    free.release()


def test_another_phone_and_a_command_that_asked_nothing_leave_no_trace(paths: DataPaths) -> None:
    other = _worked(paths)
    other.set_phone("iphone-17-pro")
    keep_phone(paths, other)
    keep_phone(paths, service_at(Clock(), load_settings(paths.settings)[0]))
    assert json.loads(paths.settings.read_text()) == STORED


def test_a_phone_that_can_never_finish_does_not_hold_the_command(paths: DataPaths) -> None:
    service = _worked(paths, tokens=10_000_000)
    keep_phone(paths, service)
    assert 0.0 < load_settings(paths.settings)[0].phone_battery < 0.5
