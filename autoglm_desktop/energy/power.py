"""What work costs on a phone: joules and the rate at which a cool processor does it.

Decoding reads its weights once per token, so its energy is joules per GB read times GB read, and its rate the effective
bandwidth over GB read. The fixed watts of the phone (idle, screen) come on top for as long as the token takes:

    J/token = read_j_gb · GB + (idle + screen) / rate.

Reading a prompt is compute: energy and time per token grow with the parameters, whatever the tier.
"""

from __future__ import annotations

from typing import NamedTuple

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.policies import Room
from autoglm_desktop.energy.profile import Profile


class Cost(NamedTuple):
    """One unit of work: processor joules, and units per second while nothing throttles."""

    joules: float
    per_s: float


def decode_cost(profile: Profile, tier: Tier) -> Cost:
    """A decoded token of the profile's model in `tier`."""
    read = profile.model.read_gb(tier)
    stated = profile.model.token_s
    per_s = 1.0 / stated.of(tier) if stated is not None else profile.power.bandwidth_gb_s / read
    return Cost(profile.power.read_j_gb * read, per_s)


def decode_cost_gb(profile: Profile, read_gb: float) -> Cost:
    """A decoded token that reads `read_gb` GB."""
    return Cost(profile.power.read_j_gb * read_gb, profile.power.bandwidth_gb_s / read_gb)


def prefill_cost(profile: Profile) -> Cost:
    """A prompt token that is not in the KV cache."""
    params = profile.model.params_b
    return Cost(profile.power.prefill_j_gparam * params, profile.power.prefill_gparam_s / params)


def image_cost(profile: Profile) -> Cost:
    """An encoded image."""
    power = profile.power
    return Cost(power.image_j, power.image_w / power.image_j if power.image_j > 0.0 else float("inf"))


def loading_cost(profile: Profile) -> Cost:
    """A GB of weights read from storage."""
    power = profile.power
    return Cost(power.load_w / power.storage_gb_s, power.storage_gb_s)


def tiers_that_fit(profile: Profile) -> tuple[Tier, ...]:
    """Tiers whose weights and KV cache the phone's app memory holds, best quality first."""
    return tuple(tier for tier in Tier if needed_gb(profile, tier) <= profile.memory.app_gb)


def room_of(profile: Profile) -> Room:
    """The figures behind `tiers_that_fit`."""
    return Room(profile.memory.app_gb, {tier: needed_gb(profile, tier) for tier in Tier})


def needed_gb(profile: Profile, tier: Tier) -> float:
    """GB that the profile's model holds in `tier`."""
    return profile.model.weights_gb.of(tier) + profile.model.kv_gb()


def refuse_unless_fits(profile: Profile, needs_gb: float, label: str) -> None:
    """Raise AppError OUT_OF_MEMORY with the figures when `needs_gb` GB do not fit the phone's app memory."""
    if needs_gb <= profile.memory.app_gb:
        return
    fitting = tiers_that_fit(profile)
    raise AppError(
        ErrorCode.OUT_OF_MEMORY,
        msg(
            "{model} needs {needs_gb:.1f} GB; an app on {phone} may hold about {app_gb:.1f} of its {ram_gb:.0f} GB.",
            model=label,
            needs_gb=needs_gb,
            phone=profile.name,
            app_gb=profile.memory.app_gb,
            ram_gb=profile.memory.ram_gb,
        ),
        msg("Choose a lower tier, a smaller model, or a phone with more memory."),
        suggested_tier=fitting[0].value if fitting else None,
    )
