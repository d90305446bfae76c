"""The guide's claims, with a machine whose measurements are given."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoglm_desktop.assistant.claims import QUESTIONS, Claim, Verdict, claims, verdict_words
from autoglm_desktop.assistant.claims_machine import Machine, TierFigures
from autoglm_desktop.assistant.claims_phone import PhoneFigures, thresholds
from autoglm_desktop.cli.claims import as_object
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import Memory
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.telemetry import ThisComputer
from autoglm_desktop.engine.script import Reply, Senses
from autoglm_desktop.engine.scripted import ScriptedEngine

PHONE = PhoneFigures(load_profile("guide-phone"))
FIGURES = {
    Tier.FP16: TierFigures(1000.0, 1100.0, 12.0, 2.0, 0.1, 6.0, 17.0),
    Tier.INT8: TierFigures(520.0, 900.0, 40.0, 2.0, 0.1, 2.0, 5.4),
    Tier.INT4: TierFigures(300.0, 700.0, 50.0, 2.0, 0.1, 1.7, 4.4),
}


class Measured(Machine):
    """A machine that measured this before."""

    @property
    def starts(self) -> dict[str, Any]:
        if self.speech_folder is None:
            return super().starts
        return {
            "text_only": {"rss_mb": 500.0, "start_s": 2.0},
            "everything": {"rss_mb": 1000.0, "start_s": 4.0, "vision": {"mb": 80.0}, "speech": {"mb": 420.0}},
            "ratio": {"memory": 0.5, "time": 0.5},
        }

    def tier(self, tier: Tier) -> TierFigures:
        return FIGURES[tier]


class Metered(Measured):
    """One with a counter, too."""

    @property
    def first_minutes_w(self) -> tuple[float, float]:
        return 20.0, 25.0


def machine(
    kind: type[Machine] = Measured, speech: str | None = "speech", cancelled: Callable[[], bool] = lambda: False
) -> Machine:
    engine = lambda: ScriptedEngine([Reply("")])  # noqa: E731
    return kind(ModelRef("m", "m"), 2, Path(os.devnull), engine, speech, lambda _: None, cancelled)


def answered(**options: Any) -> dict[str, Claim]:
    return {claim.id: claim for claim in claims(machine(**options), PHONE)}


def test_every_claim_has_all_its_parts_and_a_way_to_repeat_it() -> None:
    found = answered()
    assert list(found) == [question.id for question in QUESTIONS]
    for claim in found.values():
        told = as_object(claim)
        assert all(told[name] for name in ("id", "guide", "this_machine", "phone", "verdict", "how"))
        assert claim.how == f"autoglm-desktop claims --only {claim.id} --model m --phone guide-phone --json"
        assert str(verdict_words(claim.verdict))
        values = (claim.guide.value, claim.this_machine.value, claim.phone.value)
        assert all(value is None or math.isfinite(value) for value in values)


def test_the_verdicts_follow_the_measurements() -> None:
    found = answered()
    assert found["memory-int8"].verdict is Verdict.AGREES
    assert found["latency-int8"].this_machine.value == pytest.approx(25.0)
    assert found["latency-int8"].verdict is Verdict.AGREES
    assert found["latency-order"].verdict is Verdict.DIFFERS
    assert found["lazy-memory"].verdict is Verdict.DIFFERS
    decode_s = 2 * 31 / 40.0
    assert found["kv-reuse"].this_machine.value == pytest.approx(1 - (0.1 + decode_s) / (2.0 + decode_s))
    assert 0.0 < (found["kv-reuse"].phone.value or 0.0) < 1.0


def test_what_cannot_be_measured_says_why() -> None:
    claim = answered(speech=None)["lazy-memory"]
    assert claim.verdict is Verdict.NOT_MEASURED
    assert claim.this_machine.value is None
    assert "speech model" in str(claim.this_machine.text)


def test_a_data_folder_that_is_not_the_usual_one_is_named() -> None:
    here = replace(machine(), data_dir=Path("/srv/my data"))
    (claim,) = claims(here, PHONE, ("thresholds",))
    assert claim.how.endswith("--data-dir '/srv/my data' --json")


def test_a_start_of_the_phone_is_text_alone_against_everything_in_one_tier() -> None:
    found = answered()
    storage_gb_s, weights_gb = PHONE.profile.power.storage_gb_s, PHONE.weights_gb(Tier.INT4)
    time = found["lazy-time"].phone.value
    assert time == pytest.approx((weights_gb / storage_gb_s) / ((weights_gb + 0.5) / storage_gb_s))
    memory, power = found["lazy-memory"].phone.value, found["lazy-power"].phone.value
    assert memory == pytest.approx(PHONE.needed_gb(Tier.INT4) / (PHONE.needed_gb(Tier.INT4) + 0.5))
    assert power is not None
    assert time is not None
    assert time < power < 1.0, "idle and screen are the same in both"


def test_watts_are_measured_where_there_is_a_counter(tmp_path: Path) -> None:
    (claim,) = claims(machine(Metered), PHONE, ("lazy-power",))
    assert claim.this_machine.value == pytest.approx(0.8)
    assert claim.verdict is Verdict.DIFFERS
    without = replace(machine(), computer=ThisComputer(powercap=tmp_path / "none", gpu=msg("No card.")))
    (claim,) = claims(without, PHONE, ("lazy-power",))
    assert claim.this_machine.value is None
    assert "counter" in str(claim.this_machine.text)


def test_a_minute_of_watts_is_read_off_the_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "max_energy_range_uj").write_text("1000000000")
    (zone / "energy_uj").write_text("0")
    engines = []

    def engine() -> ScriptedEngine:
        engines.append(ScriptedEngine([Reply("")], senses=Senses(), memory=Memory(1, 1, 1)))
        (zone / "energy_uj").write_text(str(3_000_000 * len(engines)))
        return engines[-1]

    monkeypatch.setattr("autoglm_desktop.assistant.claims_machine.MINUTE_S", 0.1)
    computer = ThisComputer(powercap=tmp_path, gpu=msg("No card."))
    here = replace(machine(Machine), make_engine=engine, computer=computer)
    assert here.first_minutes_w == pytest.approx((30.0, 30.0))
    assert len(engines) == 2


def test_the_full_models_memory_is_the_phones() -> None:
    claim = answered()["memory-fp16"]
    assert claim.phone.value == pytest.approx(PHONE.needed_gb(Tier.FP16))
    assert claim.guide.value == 24.0


def test_the_phone_says_what_it_cannot_hold() -> None:
    iphone = PhoneFigures(load_profile("iphone-17-pro"))
    found = {claim.id: claim for claim in claims(machine(), iphone, ("memory-int8",))}
    assert "more than an app may hold" in str(found["memory-int8"].phone.text)


def test_the_phone_agrees_with_the_guide_that_it_was_made_from() -> None:
    assert PHONE.token_ms(Tier.FP16) == pytest.approx(100.0, rel=0.05)
    assert PHONE.first_minute_w(Tier.FP16) > PHONE.first_minute_w(Tier.INT4)


def test_thresholds_are_found_where_they_are() -> None:
    assert thresholds() == (70.0, 30.0)
    assert thresholds(Policy.STEADY) == (70.0, 30.0)


def test_an_unknown_claim_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AppError) as caught:
        list(claims(machine(), PHONE, ("nonsense",)))
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert "kv-reuse" in str(caught.value.report.next_step)


def test_stopping_stops_before_the_next_measurement() -> None:
    with pytest.raises(AppError) as caught:
        list(claims(machine(Machine, cancelled=lambda: True), PHONE, ("latency-int8",)))
    assert caught.value.report.code is ErrorCode.CANCELLED
