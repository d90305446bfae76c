"""``simulate decode``: the object of the contract, the table, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoglm_desktop.assets import resource
from autoglm_desktop.cli.answering import energy_of
from autoglm_desktop.cli.main import main
from autoglm_desktop.cli.simulate import ROWS, bar, moments
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance, Quantity
from autoglm_desktop.energy.decode_run import Sample

CALIBRATED = ["simulate", "decode", "--phone", "iphone-17-pro", "--weights-gb", "1.81"]


def _run(*arguments: str, data_dir: Path) -> int:
    return main([*arguments, "--data-dir", str(data_dir), "--lang", "en"])


def test_the_json_object_is_the_one_of_the_contract(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _run(*CALIBRATED, "--seconds", "120", "--ambient-c", "30", "--json", data_dir=tmp_path) == 0
    out = capfd.readouterr().out
    assert out.count("\n") == 1
    found = json.loads(out)
    assert list(found) == ["joules_per_token", "mean_w", "mean_tok_s", "tokens_per_percent", "series"]
    assert list(found["series"][0]) == ["t_s", "tok_s", "soc_temp_c", "skin_temp_c", "power_w", "soc"]
    assert [sample["t_s"] for sample in found["series"]] == [float(second) for second in range(1, 121)]
    assert found["series"][-1]["tok_s"] < 0.7 * found["series"][0]["tok_s"], "the rate falls as it warms"
    assert [path.name for path in tmp_path.iterdir()] == ["logs"], "nothing is stored"


def test_people_get_figures_with_units_and_a_plot(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _run(*CALIBRATED, data_dir=tmp_path) == 0
    out = capfd.readouterr().out
    for part in ("iPhone 17 Pro", "simulated", "J", "tok/s", "600 s", "█", "Skin"):
        assert part in out


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--phone", "nokia-3310"], "nokia-3310"),
        (["--weights-gb", "nan"], "between 0.01 and 1000"),
        (["--weights-gb", "-1"], "between 0.01 and 1000"),
        (["--weights-gb", "900"], "may hold about"),
        (["--ambient-c", "inf"], "ambient-c"),
        (["--seconds", "0"], "seconds"),
        (["--seconds", "99999999"], "seconds"),
    ],
)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_what_cannot_be_is_refused_in_one_line(
    changed: list[str], told: str, as_json: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert _run(*CALIBRATED, *changed, *as_json, data_dir=tmp_path) == 1
    shown = capfd.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert shown.err.count("\n") == 1


def test_a_phone_that_turned_off_is_said_so(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["simulate", "decode", "--phone", "ar-glasses", "--weights-gb", "0.7", "--seconds", "20000"]
    assert _run(*arguments, data_dir=tmp_path) == 0
    assert "its battery is empty" in capfd.readouterr().out


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    assert _run("simulate", "decode", "--phone", "iphone-17-pro", data_dir=tmp_path) == 2
    assert _run(*CALIBRATED, "--seconds", "soon", data_dir=tmp_path) == 2


def test_a_phone_of_the_user_s_own_and_a_damaged_one(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "phones").mkdir()
    shipped = (resource("phones") / "ar-glasses.toml").read_text(encoding="utf-8")
    mine = shipped.replace('id = "ar-glasses"', 'id = "mine"')
    (tmp_path / "phones" / "mine.toml").write_text(mine, encoding="utf-8")
    arguments = ["simulate", "decode", "--phone", "mine", "--weights-gb", "0.5", "--seconds", "10", "--json"]
    assert _run(*arguments, data_dir=tmp_path) == 0
    assert json.loads(capfd.readouterr().out)["mean_w"] > 0.0
    (tmp_path / "phones" / "mine.toml").write_text(mine.replace("[battery]", "[battery]\nwh = 5", 1), encoding="utf-8")
    assert _run(*arguments, data_dir=tmp_path) == 1
    err = capfd.readouterr().err
    assert "mine.toml" in err
    assert "battery.wh" in err


def test_moments_are_spread_from_first_to_last() -> None:
    series = [Sample(t_s=float(t), tok_s=1.0, soc_temp_c=1.0, skin_temp_c=1.0, power_w=1.0, soc=1.0) for t in range(99)]
    assert moments(series[:5]) == series[:5]
    chosen = [sample["t_s"] for sample in moments(series)]
    assert (len(chosen), chosen[0], chosen[-1]) == (ROWS, 0.0, 98.0)
    assert chosen == sorted(set(chosen))


def test_bars() -> None:
    assert (bar(0.0), bar(1.0), bar(2.0), bar(-1.0)) == ("", "█" * 30, "█" * 30, "")
    assert bar(0.5) == "█" * 15
    assert bar(0.51).startswith("█" * 15)


def test_energy_is_the_best_known_joules_with_their_label() -> None:
    phone = Quantity(1.23456, "J", Provenance.SIMULATED)
    simulated = energy_of(TurnEnergy(phone, None, 5, Tier.INT4, phone_id="guide-phone"))
    assert (simulated["joules"], simulated["label"], simulated["computer_joules"]) == (1.2346, "simulated", None)
    for quantity in (Quantity.measured(7.5, "J"), Quantity(7.5, "J", Provenance.ESTIMATED)):
        found = energy_of(TurnEnergy(phone, quantity, 5, Tier.INT4, phone_id="guide-phone"))
        assert quantity.provenance is not None
        assert (found["joules"], found["label"], found["phone_joules"]) == (7.5, quantity.provenance.value, 1.2346)
    assert energy_of(None) == {"joules": None, "label": "none"}
