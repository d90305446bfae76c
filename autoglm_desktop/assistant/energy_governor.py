"""The governor at work: what it sees of phone and computer, what it remembers, what it decided last."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.energy.forecast import forecasts, pack_wh_between
from autoglm_desktop.energy.governor import Decision, decide, worst_of
from autoglm_desktop.energy.live import LivePhone, Snapshot
from autoglm_desktop.energy.policies import Forecast, Goal, Memory, Policy, Situation
from autoglm_desktop.energy.power import room_of, tiers_that_fit
from autoglm_desktop.energy.telemetry import Telemetry

from .energy_view import Source

DEMAND_OVER_S = 600.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user set: how to decide, by whose battery, until when, and the tier chosen by hand."""

    policy: Policy = Policy.STEADY
    source: Source = Source.PHONE
    goal: Goal | None = None
    choice: TierChoice = TierChoice.AUTO


@dataclass(slots=True)
class Governor:
    """Not thread-safe. `now_s` of every call is the phone's own clock, which goals and dwell go by."""

    rules: Rules
    memory: Memory = field(default_factory=Memory)
    network: bool = False
    """Whether a cloud endpoint is set up that the governor may offer."""
    _demand: deque[tuple[float, float]] = field(default_factory=deque)
    """Seconds that the phone simulated and tokens decoded until then, over the last ten minutes.

    Not the wall's time, which may be set back.
    """

    def decide(
        self, now_s: float, phone: LivePhone, seen: Snapshot, computer: Telemetry | None, *, between_turns: bool
    ) -> Decision:
        """The decision for now. `computer` may be None while the source is the phone."""
        situation = self._situation(now_s, phone, seen, computer)
        decision, self.memory = decide(self.rules.policy, replace(situation, between_turns=between_turns), self.memory)
        return decision

    def set_by_hand(self) -> None:
        """Someone moved a slider or a switch: a change that follows is wanted, so the minute of dwell is over.

        A plan of ``last-until`` is made anew.
        """
        self.memory = replace(self.memory, since_s=None, planned=None, planned_s=None)

    def start_again(self) -> None:
        """Another phone or policy: nothing of the past counts."""
        self.memory = Memory()
        self._demand.clear()

    def _situation(self, now_s: float, phone: LivePhone, seen: Snapshot, computer: Telemetry | None) -> Situation:
        of_phone = self._of_phone(now_s, phone, seen)
        if computer is None or self.rules.source is Source.PHONE:
            return of_phone
        of_computer = _of_computer(of_phone, computer)
        return of_computer if self.rules.source is Source.COMPUTER else worst_of(of_phone, of_computer)

    def _of_phone(self, now_s: float, phone: LivePhone, seen: Snapshot) -> Situation:
        state, profile, goal = seen.state, phone.profile, self.rules.goal
        return Situation(
            now_s=now_s,
            battery=state.soc,
            charging=seen.conditions.plugged,
            soc_temp_c=state.junction_c,
            skin_temp_c=state.body_c,
            choice=self.rules.choice,
            tiers=tiers_that_fit(profile),
            room=room_of(profile),
            network=self.network,
            goal=goal,
            pack_wh=pack_wh_between(phone.phone, state.soc, goal.reserve if goal is not None else 0.0),
            forecasts=self._forecasts(phone, seen) if self.rules.policy is Policy.LAST_UNTIL else (),
        )

    def _forecasts(self, phone: LivePhone, seen: Snapshot) -> tuple[Forecast, ...]:
        around = seen.conditions
        demand = self._demand_tok_s(seen.state.time_s, seen.decoded_tok)
        return forecasts(phone.phone, tokens_s=demand, ambient_c=around.ambient_c, screen=around.screen)

    def _demand_tok_s(self, now_s: float, decoded_tok: float) -> float:
        """Mean tokens a second of the last ten minutes of the phone."""
        demand = self._demand
        while demand and (now_s - demand[0][0] > DEMAND_OVER_S or demand[0][1] > decoded_tok):
            demand.popleft()
        if not demand or now_s - demand[-1][0] >= 1.0:
            demand.append((now_s, decoded_tok))
        span = now_s - demand[0][0]
        return (decoded_tok - demand[0][1]) / span if span > 0.0 else 0.0


def _of_computer(of_phone: Situation, seen: Telemetry) -> Situation:
    """This computer in the phone's place. It has no skin, and its engine tells by itself what fits its memory."""
    temperatures = [t for t in (seen.cpu_temp.value, seen.gpu_temp.value) if t is not None]
    return replace(
        of_phone,
        battery=seen.battery.value,
        charging=seen.charging is not False and seen.battery.value is not None,
        soc_temp_c=max(temperatures, default=None),
        skin_temp_c=None,
        tiers=tuple(Tier),
        room=None,
        pack_wh=None,
        forecasts=(),
    )


def needs_computer(rules: Rules) -> bool:
    """Whether decisions look at this computer."""
    return rules.source is not Source.PHONE
