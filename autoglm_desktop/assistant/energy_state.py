"""Between the settings and the energy service: what was chosen, and where the phone was left."""

from __future__ import annotations

from math import isfinite
from typing import Any

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.live import Snapshot
from autoglm_desktop.energy.policies import Goal, Policy

from .energy_governor import Rules
from .energy_view import Source

CHOICES = ("policy", "energy_source", "goal_until_s", "goal_reserve", "phone_id", "phone_speed")
"""Settings that a user chooses."""
STATE = ("phone_battery", "phone_plugged", "phone_ambient_c", "phone_screen")
"""Settings that say where the phone was left. They and the choices are set in the energy panel."""


def rules_of(settings: Settings) -> Rules:
    """What the settings ask of the governor."""
    return Rules(Policy(settings.policy), Source(settings.energy_source), goal_of(settings), settings.tier)


def goal_of(settings: Settings) -> Goal | None:
    """The goal of the policy ``last-until``, if one is set."""
    until_s = settings.goal_until_s
    return None if until_s is None else Goal(until_s, settings.goal_reserve)


def choice_keys(rules: Rules, phone_id: str, speed: float) -> dict[str, Any]:
    """The settings of what was chosen."""
    goal = rules.goal
    return {
        "policy": rules.policy.value,
        "energy_source": rules.source.value,
        "goal_until_s": goal.until_s if goal else None,
        "goal_reserve": goal.reserve if goal else Settings().goal_reserve,
        "phone_id": phone_id,
        "phone_speed": speed,
    }


def state_keys(snapshot: Snapshot, usual_screen: float) -> dict[str, Any]:
    """Where the phone is left: battery and surroundings. Its heat is not kept, it cools while nobody looks."""
    around = snapshot.conditions
    return {
        "phone_battery": round(min(1.0, max(0.0, snapshot.state.soc)), 6),
        "phone_plugged": around.plugged,
        "phone_ambient_c": around.ambient_c,
        "phone_screen": None if around.screen == usual_screen else around.screen,
    }


def sound_goal(goal: Goal | None) -> Goal | None:
    """A goal that can be stored: a time that is one, a reserve of 0 to 0.9; otherwise none."""
    if goal is None or not isfinite(goal.until_s) or not isfinite(goal.reserve):
        return None
    return Goal(min(1e11, max(0.0, goal.until_s)), min(0.9, max(0.0, goal.reserve)))
