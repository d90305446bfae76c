"""`/v1/energy`: the simulated phone, this computer, what the governor decided; and setting the phone."""

from __future__ import annotations

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.energy.telemetry import Telemetry

from .errors import Refused
from .schemas import PhoneChange
from .usage import energy_of, quantity

LOG_LINES = 20


def energy_page(energy: EnergyService) -> dict[str, object]:
    """Everything at this moment; each part says where its figures come from.

    The phone's `joules` were drawn from its cell, its `charged_joules` went into it; the difference is `net_joules`,
    which is negative for a phone that gained, as its `mean_w` is while it charges.
    """
    view = energy.view()
    shot = view.snapshot
    return {
        "phone": {
            "label": "simulated",
            "id": view.phone_id,
            "name": view.phone_name,
            "battery": shot.state.soc,
            "plugged": shot.conditions.plugged,
            "ambient_c": shot.conditions.ambient_c,
            "screen": shot.conditions.screen,
            "speed": view.speed,
            "soc_temperature_c": shot.state.junction_c,
            "skin_temperature_c": shot.state.body_c,
            "held_c": view.held_c,
            "thermal_status": shot.status.word,
            "mean_w": shot.mean_w,
            "joules": shot.joules,
            "charged_joules": shot.charged_j,
            "net_joules": shot.joules - shot.charged_j,
            "decoded_tokens": shot.decoded_tok,
            "time_to_empty_s": shot.time_to_empty_s,
        },
        "computer": _computer(view.computer),
        "policy": view.policy.value,
        "source": view.source.value,
        "decision": _decision(view.decision),
        "decisions": [{"time_s": line.time_s, "text": line.text.english()} for line in list(view.log)[-LOG_LINES:]],
        "answering": view.answering,
        "kv": {"prompt_tokens": view.kv_prompt_tokens, "reused_tokens": view.kv_saved_tokens},
        "last_answer": energy_of(view.last_turn),
    }


def require_control(settings: Settings, *, has_key: bool) -> None:
    """Raises Refused 403 unless clients prove themselves with a key, or the owner lets everybody move the phone."""
    if not has_key and not settings.service_phone_control:
        raise Refused(
            403,
            "Clients may read the simulated phone, not move it: its charge chooses the precision of everybody's "
            "answers. Start the service with an API key and send it, or allow it with the setting "
            "service_phone_control (Settings, Service; serve --phone-control).",
            "phone_is_read_only",
        )


def change_phone(energy: EnergyService, change: PhoneChange) -> None:
    """Set what the change names, as the energy panel does."""
    if change.battery is not None:
        energy.set_battery(change.battery)
    if change.plugged is not None:
        energy.set_plugged(change.plugged)
    if change.ambient_c is not None:
        energy.set_ambient(change.ambient_c)
    if change.screen is not None:
        energy.set_screen(change.screen)
    if change.speed is not None:
        energy.set_speed(change.speed)
    if change.release_temperature:
        energy.set_temperature(None)
    elif change.soc_temperature_c is not None:
        energy.set_temperature(change.soc_temperature_c)


def _decision(decision: Decision) -> dict[str, object]:
    return {
        "tier": decision.tier.value,
        "max_new_tokens": decision.max_new_tokens,
        "reuse_cached_answers": decision.reuse_cached_answers,
        "release_modalities": decision.release_modalities,
        "cloud": decision.cloud,
        "chosen_by_user": decision.chosen_by_user,
        "reasons": [reason.english() for reason in decision.reasons],
        "next_change": decision.next_change.english() if decision.next_change else None,
    }


def _computer(read: Telemetry) -> dict[str, object]:
    named = ("battery", "cpu_temp", "gpu_temp", "gpu_power", "package_energy", "cpu_time", "rss")
    return {"charging": read.charging, **{name: quantity(getattr(read, name)) for name in named}}
