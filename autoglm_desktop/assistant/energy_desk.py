"""Phone, governor, log and plots together, moved by whoever asks. Not thread-safe: `energy` holds the lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.events import EngineState, EngineStatus, Usage
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.energy.live import MAX_CATCH_UP_S, LivePhone
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import Profile, load_profile
from autoglm_desktop.energy.telemetry import Telemetry
from autoglm_desktop.energy.workload import Work

from .energy_governor import Governor, Rules
from .energy_history import History
from .energy_log import LOG_LINES, changed, decision_lines, phone_lines
from .energy_memory import memory_of, modalities_loaded_gb
from .energy_state import rules_of
from .energy_turns import TurnMeter
from .energy_view import EnergyView, LogLine

DEFAULT_PHONE = "guide-phone"
DECIDE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class News:
    """A decision that differs from the one before; `at_once` asks for its tier in the middle of a turn."""

    decision: Decision
    at_once: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """What a user gets back whose phone made room for another."""

    phone: LivePhone
    rules: Rules
    ahead_s: float


class Desk:
    """`clock` is monotonic, `wall` Unix time; both in seconds."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float], wall: Callable[[], float], own_phones: Path | None
    ) -> None:
        """A phone that cannot be used is replaced by the default one, which the log says. Raises nothing else."""
        self._clock, self._wall, self._own_phones = clock, wall, own_phones
        self.log: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.history = History()
        self.governor = Governor(rules_of(settings))
        self.running: dict[int, TurnMeter] = {}
        self.status = EngineStatus(EngineState.STOPPED)
        self.telemetry: Telemetry | None = None
        self.last_turn: TurnEnergy | None = None
        self.kv_saved_tokens = self.kv_prompt_tokens = 0
        self._preloading = False
        self._ahead_s = 0.0
        self._moved_s = self._decided_s = clock()
        self.phone = LivePhone(
            self._profile_of(settings.phone_id), soc=settings.phone_battery, ambient_c=settings.phone_ambient_c
        )
        self.phone.set_conditions(screen=settings.phone_screen, plugged=settings.phone_plugged)
        self.phone.set_speed(settings.phone_speed)
        self.snapshot = self.phone.tick(self._moved_s)
        self.decision = self._first_decision()

    @property
    def rules(self) -> Rules:
        return self.governor.rules

    @property
    def phone_time_s(self) -> float:
        """The phone's clock: this computer's, and what a higher speed gained on it."""
        return self._wall() + self._ahead_s

    def note(self, *lines: Text) -> None:
        """Put lines into the log."""
        now_s = self._wall()
        self.log.extend(LogLine(now_s, line) for line in lines)

    def advance(self) -> None:
        """Bring the phone to now."""
        now_s = self._clock()
        elapsed = now_s - self._moved_s
        before, self.snapshot = self.snapshot, self.phone.tick(now_s)
        if 0.0 < elapsed <= MAX_CATCH_UP_S:
            self._ahead_s += (self.snapshot.speed - 1.0) * elapsed
        self._moved_s = now_s
        self.history.add(self._wall(), self.snapshot, self.decision.tier)
        self.note(*phone_lines(before, self.snapshot))
        if self.snapshot.flows is None:  # what it did last stays to be seen
            self.snapshot = replace(self.snapshot, flows=before.flows)

    def is_decision_due(self) -> bool:
        """Whether the last decision is a second old."""
        return not 0.0 <= self._clock() - self._decided_s < DECIDE_EVERY_S

    def decide(self, *, turn_ended: bool = False) -> News | None:
        """Decide for now; the news, if anything but the wording changed. `turn_ended`: an answer ended just now."""
        self._decided_s = self._clock()
        before = self.decision
        self.decision = self._by_governor(between_turns=turn_ended or not self.running)
        self.note(*decision_lines(before, self.decision))
        tier = self.decision.tier
        others_wait = turn_ended and any(meter.waits and meter.tier is not tier for meter in self.running.values())
        if not (others_wait or changed(before, self.decision)):
            return None
        return News(self.decision, self.decision.at_once or others_wait)

    def use_rules(self, rules: Rules) -> None:
        """Other rules; another policy starts anew."""
        before, self.governor.rules = self.rules, rules
        if rules.policy is not before.policy or rules.source is not before.source:
            self.governor.start_again()
        else:
            self.governor.set_by_hand()

    def use_phone(self, profile: Profile) -> None:
        """Put another phone in the place of this one: same charge, surroundings and speed, cool."""
        before, around = self.snapshot, self.snapshot.conditions
        self.phone = LivePhone(profile, soc=before.state.soc, ambient_c=around.ambient_c)
        self.phone.set_conditions(screen=around.screen, plugged=around.plugged)
        self.phone.set_speed(before.speed)
        self.snapshot = self.phone.tick(self._moved_s)
        self.governor.start_again()
        self.note(msg("Another phone: {name}.", name=profile.name))

    def lend(self, phone: LivePhone, policy: Policy) -> Owner:
        """Put another phone in the place of the user's; `take_back` takes what is returned."""
        owner = Owner(self.phone, self.rules, self._ahead_s)
        self._put(phone, replace(self.rules, policy=policy, goal=None))
        return owner

    def take_back(self, owner: Owner) -> None:
        """The user's phone and policy again; a tier that was chosen meanwhile stays chosen."""
        self._ahead_s = owner.ahead_s
        self._put(owner.phone, replace(owner.rules, choice=self.rules.choice))

    def skip(self, seconds: float) -> None:
        """Let time pass for the phone that does not pass here."""
        self.phone.skip(seconds)
        self._ahead_s += max(0.0, seconds)

    def _put(self, phone: LivePhone, rules: Rules) -> None:
        self.phone, self.governor.rules = phone, rules
        self.snapshot = phone.tick(self._moved_s)
        self.governor.start_again()

    def engine_changed(self, status: EngineStatus) -> None:
        """The engine's state; what was loaded ahead of any turn, and every modality, is work for the phone, too."""
        loaded_gb = modalities_loaded_gb(self.status, status)
        if loaded_gb > 0.0:
            self.phone.work(Work(status.tier or self.decision.tier, loads_gb=loaded_gb))
        before, self.status = self.status, status
        if status.state is EngineState.LOADING and not self.running:
            self._preloading = self._preloading or _is_of_the_model(before, status)
        elif status.state in (EngineState.READY, EngineState.BUSY) and self._preloading and status.tier is not None:
            self._preloading = False
            self.phone.work(Work(status.tier, loads_weights=1))
        elif status.state is EngineState.STOPPED:
            self._preloading = False

    def turn_began(self, meter: TurnMeter) -> None:
        """From now on what is loaded is loaded for a turn, whose usage tells of it."""
        self.running[id(meter)] = meter

    def tier_set(self, tier: Tier) -> None:
        """The engine makes the turns that wait in `tier`, whatever they were asked in."""
        for meter in self.running.values():
            if meter.waits:
                meter.ask_in(tier)

    def turn_ended(self, meter: TurnMeter, energy: TurnEnergy | None) -> None:
        self.running.pop(id(meter), None)
        self._count(meter.usage)
        self.last_turn = energy or self.last_turn

    def load_phone(self, phone_id: str) -> Profile:
        """Raises AppError BAD_INPUT for a phone that is not there or cannot be used."""
        return load_profile(phone_id, self._own_phones)

    def view(self, computer: Telemetry) -> EnergyView:
        """Everything as of the last move."""
        profile, rules = self.phone.profile, self.rules
        return EnergyView(
            phone_id=profile.id,
            phone_name=profile.name,
            snapshot=self.snapshot,
            decision=self.decision,
            policy=rules.policy,
            source=rules.source,
            speed=self.snapshot.speed,
            goal=rules.goal,
            computer=computer,
            memory=memory_of(self.status),
            kv_saved_tokens=self.kv_saved_tokens,
            kv_prompt_tokens=self.kv_prompt_tokens,
            log=tuple(self.log),
            last_turn=self.last_turn,
            phone_time_s=self.phone_time_s,
            held_c=self.phone.held_c,
            answering=len(self.running),
        )

    def _by_governor(self, *, between_turns: bool) -> Decision:
        return self.governor.decide(
            self.phone_time_s, self.phone, self.snapshot, self.telemetry, between_turns=between_turns
        )

    def _first_decision(self) -> Decision:
        decision = self._by_governor(between_turns=True)
        self.note(*decision_lines(None, decision))
        return decision

    def _count(self, usage: Usage | None) -> None:
        if usage is not None:
            self.kv_prompt_tokens += usage.cached_tokens + usage.fresh_tokens
            self.kv_saved_tokens += usage.cached_tokens

    def _profile_of(self, phone_id: str) -> Profile:
        try:
            return self.load_phone(phone_id)
        except AppError as error:
            default = load_profile(DEFAULT_PHONE)
            self.note(error.report.cause, msg("{name} is simulated instead.", name=default.name))
            return default


def _is_of_the_model(before: EngineStatus, loading: EngineStatus) -> bool:
    """Whether it is the language model that is being loaded: a modality leaves what is told of the model as it was."""
    gone = before.state in (EngineState.STOPPED, EngineState.STARTING)
    held = None if gone else (before.model_id, before.tier)
    return loading.model_id is not None and (loading.model_id, loading.tier) != held
