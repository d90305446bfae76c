"""Which precision an answer is made in, and why, in words.

The thresholds are those of AutoGLM-Phone-9B's guide: battery above 70 % FP16, above 30 % INT8, else INT4.
"""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier, TierChoice

FP16_ABOVE_PERCENT = 70.0
INT8_ABOVE_PERCENT = 30.0


@dataclass(frozen=True, slots=True)
class TierDecision:
    """A tier, why (one sentence), and whether the user asked for it by name."""

    tier: Tier
    reason: Text
    chosen_by_user: bool = False


@dataclass(frozen=True, slots=True)
class BatteryReading:
    """This computer's battery: charge in percent; `plugged` also when the platform does not tell."""

    percent: float
    plugged: bool


def read_battery() -> BatteryReading | None:
    """None on a computer without a battery, or where the platform tells nothing about it."""
    sensors = getattr(psutil, "sensors_battery", None)  # not on every platform
    found = sensors() if sensors is not None else None
    if found is None:
        return None
    return BatteryReading(percent=float(found.percent), plugged=found.power_plugged is not False)


def decide(choice: TierChoice, battery: BatteryReading | None) -> TierDecision:
    """The tier for the next token. Off the battery Auto takes INT8: FP16 reads twice the bytes for every token."""
    fixed = choice.fixed()
    if fixed is not None:
        return TierDecision(fixed, msg("You chose {tier}.", tier=fixed.label), chosen_by_user=True)
    if battery is None:
        return TierDecision(Tier.INT8, msg("This computer has no battery: INT8, the tier for normal use."))
    if battery.plugged:
        return TierDecision(Tier.INT8, msg("Plugged in: INT8, the tier for normal use."))
    return _by_charge(battery.percent)


def _by_charge(percent: float) -> TierDecision:
    shown = int(percent) if percent == int(percent) else round(percent, 1)
    if percent > FP16_ABOVE_PERCENT:
        return TierDecision(Tier.FP16, msg("Battery at {percent} %, above 70 %: FP16.", percent=shown))
    if percent > INT8_ABOVE_PERCENT:
        return TierDecision(Tier.INT8, msg("Battery at {percent} %, between 30 % and 70 %: INT8.", percent=shown))
    return TierDecision(Tier.INT4, msg("Battery at {percent} %, 30 % or less: INT4.", percent=shown))
