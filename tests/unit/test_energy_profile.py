"""Profiles: every constant has a source, and whatever cannot be is refused with file, key and range."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.power import decode_cost, refuse_unless_fits, tiers_that_fit
from autoglm_desktop.energy.profile import load_profile, profile_ids, read_profile

SHIPPED = ("android-flagship", "ar-glasses", "guide-phone", "iphone-17-pro")


def _changed(tmp_path: Path, old: str, new: str) -> Path:
    text = resource("phones/iphone-17-pro.toml").read_text(encoding="utf-8")
    changed, count = re.subn(rf"(?m)^{old}.*$", new, text)
    assert count == 1
    path = tmp_path / "changed.toml"
    path.write_text(changed, encoding="utf-8")
    return path


def test_these_phones_ship() -> None:
    assert profile_ids() == SHIPPED
    assert all(load_profile(name).id == name for name in SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_constant_names_its_source(name: str) -> None:
    lines = resource(f"phones/{name}.toml").read_text(encoding="utf-8").splitlines()
    constants = [line for line in lines if re.match(r"\w+ = ", line) and not re.match(r"(id|name) = ", line)]
    assert len(constants) > 50
    without = [
        line for line in constants if not re.search(r"#.*\[(lit|fit|data|spec|guide|from guide|assumed|like )", line)
    ]
    assert not without


def test_the_open_circuit_table_is_the_measured_one() -> None:
    source = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ocv-phone-4v4.csv"
    if not source.exists():
        pytest.skip(f"{source} is not here")
    rows = [line.split(",") for line in source.read_text().splitlines() if line[0].isdigit()]
    battery = load_profile("iphone-17-pro").battery
    assert {int(s): float(v) for s, v in rows} == dict(zip(battery.ocv_soc_percent, battery.ocv_v, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("idle_w = ", "idle_watts = 0.7", "power.idle_watts is no known key"),
        ("idle_w = ", "idle_w = nan", "power.idle_w"),
        ("idle_w = ", "idle_w = nan", "nan; allowed: a number from 0 to 20"),
        ("idle_w = ", "idle_w = -0.7", "power.idle_w = -0.7; allowed: a number from 0 to 20"),
        ("idle_w = ", 'idle_w = "700 mW"', "power.idle_w = '700 mW'; allowed: a number from 0 to 20"),
        ("idle_w = ", 'idle_w = "0.7"', "power.idle_w = '0.7'; allowed: a number from 0 to 20"),
        ("idle_w = ", "idle_w = true", "power.idle_w = True; allowed: a number from 0 to 20"),
        ("r0_ohm = ", "r0_ohm = 75", "battery.r0_ohm = 75; allowed: a number from 0.001 to 2"),
        ("hot_stop_c = ", "hot_stop_c = inf", "charger.hot_stop_c = inf; allowed: a number from -40 to 150"),
        ("app_share = ", "app_share = 0", "memory.app_share = 0; allowed: a number > 0, ≤ 1"),
        ("context_tokens = ", "context_tokens = 1.5", "model.context_tokens = 1.5; allowed: a whole number from 0"),
        ("weights_gb = ", "weights_gb = { fp16 = 18, int8 = 9, int4 = 0 }", "model.weights_gb.int4 = 0; allowed"),
        ("weights_gb = ", "weights_gb = 5", "model.weights_gb = 5; allowed: a table"),
        ("name = .iPhone", 'name = ""', "name = ''; allowed: text ≥ 1, ≤ 60"),
        ("body_ambient_k_w = ", "", "thermal.body_ambient_k_w is missing; allowed: a number from 0.1 to 500"),
        ("ocv_v = ", "ocv_v = [true, 4.0]", "battery.ocv_v"),
        ("severe_c = ", "severe_c = 40.0", "light_c < moderate_c"),
        ("ocv_v = ", "ocv_v = [3.0, 4.0]", "ocv_soc_percent"),
        ("hot_resume_c = ", "hot_resume_c = 46.0", "hot_resume_c < hot_stop_c"),
        ("poll_s = ", "poll_s = 7.0 7.0", "line"),
    ],
)
def test_what_cannot_be_is_refused_with_file_key_and_range(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = _changed(tmp_path, old, new)
    with pytest.raises(AppError) as caught:
        read_profile(path)
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    line = caught.value.report.line()
    assert str(path) in line
    assert told in line


def test_an_unknown_phone_is_refused_with_those_that_exist() -> None:
    with pytest.raises(AppError) as caught:
        load_profile("../secrets")
    assert "guide-phone" in caught.value.report.line()


def test_a_tier_that_does_not_fit_is_refused_with_the_figures() -> None:
    phone = load_profile("iphone-17-pro")
    assert tiers_that_fit(phone) == (Tier.INT4,)
    with pytest.raises(AppError) as caught:
        refuse_unless_fits(phone, phone.model.weights_gb.fp16, "FP16")
    assert caught.value.report.code is ErrorCode.OUT_OF_MEMORY
    assert caught.value.report.suggested_tier == "int4"
    assert all(figure in caught.value.report.line() for figure in ("18.8", "6.0", "12"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_lower_tier_never_draws_more_per_token(name: str) -> None:
    phone = load_profile(name)
    fixed_w = phone.power.idle_w + phone.power.screen_w * phone.power.screen_level
    costs = [decode_cost(phone, tier) for tier in (Tier.FP16, Tier.INT8, Tier.INT4)]
    whole = [cost.joules + fixed_w / cost.per_s for cost in costs]
    assert whole == sorted(whole, reverse=True)


def test_the_nine_billion_model_costs_what_phones_of_this_kind_cost() -> None:
    """About 0.6, 1.1 and 2.1 J a token at 4, 8 and 16 bits, sustained."""
    phone = load_profile("iphone-17-pro")
    fixed_w = phone.power.idle_w + phone.power.screen_w * phone.power.screen_level
    for tier, expected in ((Tier.INT4, 0.6), (Tier.INT8, 1.1), (Tier.FP16, 2.1)):
        joules = decode_cost(phone, tier).joules
        sustained_tok_s = phone.throttle.sustainable_w / joules
        assert joules + fixed_w / sustained_tok_s == pytest.approx(expected, rel=0.15)


def test_profiles_are_plain_toml() -> None:
    for name in SHIPPED:
        assert tomllib.loads(resource(f"phones/{name}.toml").read_text(encoding="utf-8"))["id"] == name
