"""The kiosk's file and the PIN."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from autoglm_desktop.assets import resource
from autoglm_desktop.assistant.pin import FREE_TRIES, PinGuard
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.kiosk import load_kiosk, make_kiosk
from tests.helpers.windows import Clock

TEMPLATE = resource("kiosk.toml").read_text(encoding="utf-8")


def test_the_file_that_ships_works_once_it_has_a_pin(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kiosk.toml"
    pin = make_kiosk(path, TEMPLATE)
    config = load_kiosk(path)
    assert (config.pin, len(pin)) == (pin, 6)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(config.suggestions) == 4
    assert config.suggestions[0].text("en") == "Who are you?"


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(AppError) as caught:
        make_kiosk(path, TEMPLATE)
    assert caught.value.report.code is ErrorCode.NOT_WRITABLE
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "pin"),
        ('pin = ""', "pin"),
        ('pin = "12"', "pin"),
        ("pin = 123456", "pin"),
        ('pin = "123456"\nidle_s = -3', "idle_s"),
        ('pin = "123456"\nidle_s = nan', "idle_s"),
        ('pin = "123456"\nnonsense = 1', "nonsense"),
        ('pin = "123456"\n[phone]\nbattery = nan', "phone.battery"),
        ('pin = "123456"\n[phone]\nbattery = 80', "phone.battery"),
        ('pin = "123456"\n[restart]\nat = "25:00"', "restart.at"),
        ('pin = "123456"\n[[suggestions]]\nen = "only one"', "suggestions.0.zh_CN"),
        ("pin = ", "line 1"),
        ("# " + "x" * 300_000, "bytes"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AppError) as caught:
        load_kiosk(path)
    assert said in str(caught.value.report.cause)
    assert str(path) in str(caught.value.report.cause)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"none\.toml"):
        load_kiosk(tmp_path / "none.toml")


def test_a_thousand_tries_take_days() -> None:
    clock = Clock()
    guard = PinGuard("271828", clock)
    began_s = clock()
    for number in range(1000):
        clock.now_s += guard.wait_s
        assert not guard.check(f"{number:06d}")
    assert clock() - began_s > 3 * 86_400
    assert not guard.check("271828"), "while it waits, the right one is refused, too"
    clock.now_s += guard.wait_s
    assert guard.check("271828")
    assert guard.wait_s == 0.0


def test_a_slip_costs_nothing() -> None:
    guard = PinGuard("2718", Clock())
    for _ in range(FREE_TRIES - 1):
        assert not guard.check("2719")
        assert guard.wait_s == 0.0
    assert guard.check("2718")
    assert guard.wrong == 0
