"""Which tier, and why, in words."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from autoglm_desktop.assistant.tiering import BatteryReading, decide, read_battery
from autoglm_desktop.core.precision import Tier, TierChoice


@pytest.mark.parametrize(
    ("percent", "tier"),
    [
        (100, Tier.FP16),
        (70.4, Tier.FP16),
        (70.1, Tier.FP16),
        (70, Tier.INT8),
        (30.1, Tier.INT8),
        (30, Tier.INT4),
        (0, Tier.INT4),
    ],
)
def test_on_battery_the_charge_decides(percent: float, tier: Tier) -> None:
    decision = decide(TierChoice.AUTO, BatteryReading(percent, plugged=False))
    assert decision.tier is tier
    assert not decision.chosen_by_user
    assert f"at {percent} %," in decision.reason.english()
    assert tier.label in decision.reason.english()


def test_off_the_battery_auto_is_int8_whatever_the_charge() -> None:
    for percent in (100, 5):
        decision = decide(TierChoice.AUTO, BatteryReading(percent, plugged=True))
        assert decision.tier is Tier.INT8
        assert "Plugged in" in decision.reason.english()
    assert decide(TierChoice.AUTO, None).tier is Tier.INT8
    assert "no battery" in decide(TierChoice.AUTO, None).reason.english()


@pytest.mark.parametrize("choice", [TierChoice.FP16, TierChoice.INT8, TierChoice.INT4])
def test_a_choice_is_obeyed_at_any_charge(choice: TierChoice) -> None:
    for battery in (None, BatteryReading(1, plugged=False), BatteryReading(100, plugged=False)):
        decision = decide(choice, battery)
        assert decision.tier is choice.fixed()
        assert decision.chosen_by_user


@pytest.mark.parametrize(
    ("found", "reading"),
    [
        (None, None),
        (SimpleNamespace(percent=55, power_plugged=False), BatteryReading(55, plugged=False)),
        (SimpleNamespace(percent=55, power_plugged=True), BatteryReading(55, plugged=True)),
        (SimpleNamespace(percent=55, power_plugged=None), BatteryReading(55, plugged=True)),
    ],
)
def test_the_platform_s_reading(found: object, reading: BatteryReading | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: found, raising=False)
    assert read_battery() == reading


def test_a_platform_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert read_battery() is None
