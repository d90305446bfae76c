"""Figures and names of the panel as people read them. Pure; an impossible number shows as a dash."""

from __future__ import annotations

from math import isfinite

from autoglm_desktop.assistant.energy_view import Source
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.energy.policies import Policy

DASH = "–"
_ABSURD = 1e9
"""No figure of the panel is so large: such a number is a fault, not a value."""
_HOUR_S, _DAY_S = 3600.0, 86_400.0


def number(value: float | None, digits: int = 0) -> str:
    """``1,204`` or ``3.20``, a dash for what is unknown; a rounded zero has no sign."""
    if value is None or not isfinite(value) or abs(value) >= _ABSURD:
        return DASH
    return f"{value:z,.{digits}f}"


def watts(value: float | None) -> str:
    """``3.2``, ``0.08``: two digits below one watt."""
    return number(value, 2 if value is not None and abs(value) < 1.0 else 1)


def joules(value: float | None) -> str:
    """A value with its unit: ``0.61 J``, ``4.1 J``, ``812 J``, ``1.32 kJ``."""
    if value is None or not isfinite(value) or abs(value) >= _ABSURD:
        return f"{DASH} J"
    if value == 0.0:
        return "0 J"
    if abs(value) >= 1000.0:
        return f"{number(value / 1000.0, 2 if abs(value) < 10_000.0 else 1)} kJ"
    return f"{number(value, 2 if abs(value) < 1.0 else 1 if abs(value) < 100.0 else 0)} J"


def percent(fraction: float | None) -> str:
    """A share of 0 to 1 as whole percents, without the sign; a battery that is not empty is not shown as 0."""
    if fraction is None or not isfinite(fraction) or abs(fraction) >= _ABSURD:
        return DASH
    shown = round(100.0 * fraction)
    return "<1" if fraction > 0.0 and shown == 0 else str(shown)


def span(seconds: float | None) -> str:
    """A time to wait without seconds, which would only flicker: ``2 h 41 min``, ``9 min``, ``3.4 days``."""
    if seconds is None or not isfinite(seconds) or not 0.0 <= seconds < _ABSURD:
        return DASH
    if seconds < 60.0:
        return tr("under 1 min")
    if seconds < _HOUR_S:
        return tr("{minutes} min", minutes=int(seconds // 60))
    if seconds < 2 * _DAY_S:
        return tr("{hours} h {minutes} min", hours=int(seconds // _HOUR_S), minutes=int(seconds % _HOUR_S // 60))
    return tr("{days} days", days=number(seconds / _DAY_S, 1))


def provenance(origin: Provenance) -> str:
    """The word of the badge."""
    return {
        Provenance.MEASURED: tr("measured"),
        Provenance.ESTIMATED: tr("estimated"),
        Provenance.SIMULATED: tr("simulated"),
    }[origin]


def provenance_tip(origin: Provenance) -> str:
    """What the badge's word means."""
    return {
        Provenance.MEASURED: tr("Measured: a sensor or a clock of this computer read it."),
        Provenance.ESTIMATED: tr("Estimated: a model over measured work."),
        Provenance.SIMULATED: tr("Simulated: the simulated phone's, driven by the work that is really done here."),
    }[origin]


def policy(which: Policy) -> str:
    """A policy's name."""
    if which.is_fixed:
        return tr("Always {tier}", tier=which.value.removeprefix("fixed-").upper())
    return {
        Policy.GUIDE: tr("Guide"),
        Policy.STEADY: tr("Steady"),
        Policy.LAST_UNTIL: tr("Last until"),
    }[which]


def policy_tip(which: Policy) -> str:
    """What a policy does."""
    if which.is_fixed:
        return tr("A baseline that reacts to nothing.")
    return {
        Policy.GUIDE: tr("The guide: above 70 % FP16, above 30 % INT8, else INT4; plugged in FP16."),
        Policy.STEADY: tr("The guide with bands of 3 % and a minute between changes, so that it does not flicker."),
        Policy.LAST_UNTIL: tr("The best tier with which the battery lasts until a time of day, at a reserve."),
    }[which]


def phone(phone_id: str) -> str:
    """A phone's name; a phone of the user's own goes by its id."""
    return {
        "guide-phone": tr("Phone of the guide"),
        "iphone-17-pro": "iPhone 17 Pro",
        "android-flagship": tr("Android flagship"),
        "ar-glasses": tr("AR glasses"),
    }.get(phone_id, phone_id)


def source(which: Source) -> str:
    """By whose battery and temperatures the governor goes."""
    return {
        Source.PHONE: tr("Simulated phone"),
        Source.COMPUTER: tr("This computer"),
        Source.WORST: tr("Worst of both"),
    }[which]


def speed(times: float) -> str:
    """``60 ×``."""
    return f"{number(times, 0 if times >= 10 or times % 1 == 0 else 1)} ×"
