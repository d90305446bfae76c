"""What a demand would cost a phone in each tier, for the policy ``last-until`` and for the time to empty."""

from __future__ import annotations

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.phone import Phone, State
from autoglm_desktop.energy.policies import Forecast
from autoglm_desktop.energy.power import decode_cost, tiers_that_fit


def forecasts(
    phone: Phone, *, tokens_s: float, ambient_c: float, screen: float, rest_w: float | None = None
) -> tuple[Forecast, ...]:
    """Mean watts and settled skin temperature of every tier that fits, best first.

    `tokens_s` is the mean demand in decoded tokens per second (what a tier cannot do in time, it does not do); `screen`
    the mean brightness, 0 to 1. `rest_w` is what everything but decoding draws on average, where that was observed;
    else idle and screen are taken. Skin: ambient + body-to-ambient resistance × watts.
    """
    rest = phone.idle_w + phone.screen_w * screen if rest_w is None else rest_w
    return tuple(_forecast(phone, tier, tokens_s, ambient_c, rest) for tier in tiers_that_fit(phone.profile))


def _forecast(phone: Phone, tier: Tier, tokens_s: float, ambient_c: float, rest_w: float) -> Forecast:
    cost = decode_cost(phone.profile, tier)
    processor = min(tokens_s, cost.per_s) * cost.joules
    watts = rest_w + min(processor, phone.allocator.sustainable_w)
    return Forecast(tier, watts, ambient_c + watts / phone.rejects)


def pack_wh_between(phone: Phone, soc: float, reserve: float) -> float:
    """Wh of a pack whose every percent held what a percent between `soc` and `reserve` holds.

    A cell's last third holds less than a third: its voltage is lower there. A budget must not count on the mean.
    """
    if not soc - reserve > 1e-6:
        return phone.profile.battery.energy_wh
    between_j = phone.cell.stored_j(soc) - phone.cell.stored_j(max(0.0, reserve))
    return between_j / (soc - max(0.0, reserve)) / 3600.0


def time_to_empty_s(phone: Phone, state: State, mean_w: float) -> float | None:
    """Seconds until the pack is empty at `mean_w` watts out of the cell; None while it does not drain."""
    return phone.cell.stored_j(state.soc) / mean_w if mean_w > 0.0 else None
