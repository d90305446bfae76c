"""The simulated phone and the governor, driven by the engine's real work. No Qt, no torch.

Every turn goes through `begin`, `take` and `end`; what the engine did in it drains and heats the phone. The governor
decides once a second and before each turn. Without `start` nothing moves by itself: the calls that change something
look at the clock, so tests hand in theirs. `start` adds one thread that keeps the beat and serves the watchers.

Every method may be called from any thread and is quick; none but `set_phone` raises.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autoglm_desktop.core.clock import awake_or_not_s
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.events import EngineStatus, PerceptionEvent, TurnEvent
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.provenance import Provenance, Quantity
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.governor import Decision, misfit_words
from autoglm_desktop.energy.policies import Goal, Policy
from autoglm_desktop.energy.power import room_of
from autoglm_desktop.energy.profile import Profile, profile_ids
from autoglm_desktop.energy.telemetry import Telemetry, ThisComputer, not_read_yet

from .energy_desk import Desk, News
from .energy_governor import needs_computer
from .energy_history import SPAN_S
from .energy_loan import Loan
from .energy_state import CHOICES, choice_keys, rules_of, sound_goal, state_keys
from .energy_turns import Counters, TurnMeter, perceived
from .energy_view import EnergySeries, EnergyView, Source

log = logging.getLogger(__name__)

FAST_S, SLOW_S = 0.1, 1.0
"""Seconds between beats: while an answer runs or somebody watches closely, and otherwise."""
SAVE_AFTER_S = 2.0
_READ_EVERY_S = 1.0
_ON_TIME_S = 0.01
_JOIN_S = 5.0

Watcher = Callable[[EnergyView], None]


@dataclass(slots=True)
class _Watch:
    sink: Watcher
    fast: bool
    told_s: float = float("-inf")


class EnergyService:
    """One simulated phone with its governor, for all conversations of this process."""

    def __init__(
        self,
        *,
        settings: Settings,
        computer: ThisComputer | None = None,
        clock: Callable[[], float] = awake_or_not_s,
        wall: Callable[[], float] = time.time,
        own_phones: Path | None = None,
    ) -> None:
        """`own_phones`: the folder of the user's profiles, which need not exist.

        A phone in the settings that cannot be used is replaced by the default one; the log says so.
        """
        self._clock, self._own_phones = clock, own_phones
        self._counters = Counters(computer or ThisComputer())
        self._lock = threading.Lock()
        self._desk = Desk(settings, clock=clock, wall=wall, own_phones=own_phones)
        self._read_s = float("-inf")
        self._observer: Callable[[News], None] = lambda _: None
        self._saver: Callable[[], None] = lambda: None
        self._unsaved_s: float | None = None
        self._kept_keys: dict[str, Any] | None = None
        """What the settings keep of the user's phone while a scenario's is in its place."""
        self._watches: dict[object, _Watch] = {}
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    # -- life

    def connect(self, observer: Callable[[News], None], saver: Callable[[], None]) -> None:
        """`observer` hears of every decision that differs from the one before, `saver` that something was chosen.

        Both are called from any thread, with no lock held.
        """
        self._observer, self._saver = observer, saver

    def start(self) -> None:
        """Keep the beat from now on, on a thread of its own. Idempotent."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="energy", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread. Idempotent; not to be called on that thread."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def beat(self) -> float:
        """Move to now, tell the watchers, save what is due. Returns the seconds until the next beat."""
        self._read_computer()
        with self._moved():
            watches = [watch for watch in self._watches.values() if self._is_due(watch)]
            view = self._desk.view(self._telemetry()) if watches else None
            fast = bool(self._desk.running) or any(watch.fast for watch in self._watches.values())
        if view is not None:
            for watch in watches:
                watch.told_s = self._clock()
                _tell(watch.sink, view)
        self._save_if_due()
        return FAST_S if fast else SLOW_S

    # -- looking

    @property
    def decision(self) -> Decision:
        """The last one."""
        return self._desk.decision

    @property
    def profile(self) -> Profile:
        """The phone that is simulated."""
        return self._desk.phone.profile

    def misfit(self, tier: Tier) -> Text | None:
        """Why the simulated phone could not hold `tier`; None when it could."""
        return misfit_words(tier, room_of(self.profile))

    def view(self) -> EnergyView:
        """Everything as of the last move. With the thread running, the sensors are read there."""
        if self._thread is None:
            self._read_computer(needed=True)
        with self._lock:
            return self._desk.view(self._telemetry())

    def series(self, span_s: float = SPAN_S) -> EnergySeries:
        """The last `span_s` seconds (ten minutes at most), for plots. A copy."""
        with self._lock:
            return self._desk.history.series(span_s)

    def watch(self, sink: Watcher, *, fast: bool) -> Callable[[], None]:
        """Call `sink` ten times a second (`fast`) or once a second, on the energy thread; returns what ends it."""
        key = object()
        with self._lock:
            self._watches[key] = _Watch(sink, fast)
        self._wake.set()

        def end() -> None:
            with self._lock:
                self._watches.pop(key, None)

        return end

    def phones(self) -> tuple[str, ...]:
        """The ids that `set_phone` takes: those that ship, and the user's own."""
        return profile_ids(self._own_phones)

    # -- what a user sets; values out of range are clamped, NaN changes nothing

    def set_battery(self, fraction: float) -> None:
        with self._by_hand():
            self._desk.phone.set_battery(fraction)

    def set_plugged(self, plugged: bool) -> None:
        with self._by_hand():
            self._desk.phone.set_conditions(plugged=plugged)

    def set_ambient(self, celsius: float) -> None:
        with self._by_hand():
            self._desk.phone.set_conditions(ambient_c=celsius)

    def set_screen(self, level: float) -> None:
        with self._by_hand():
            self._desk.phone.set_conditions(screen=level)

    def set_speed(self, speed: float) -> None:
        """Simulated seconds per second."""
        with self._by_hand():
            self._desk.phone.set_speed(speed)

    def set_temperature(self, celsius: float | None) -> None:
        """Hold the SoC at this temperature, for a demonstration; None lets it go."""
        with self._by_hand():
            self._desk.phone.hold_temperature(celsius)
            held = self._desk.phone.held_c
            self._desk.note(
                msg("The SoC is not held any more.")
                if held is None
                else msg("The SoC is held at {celsius:.0f} °C by hand.", celsius=held)
            )

    def set_phone(self, phone_id: str) -> None:
        """Simulate another phone. Raises AppError BAD_INPUT for one that is not there or cannot be used."""
        profile = self._desk.load_phone(phone_id)
        with self._by_hand():
            self._desk.use_phone(profile)

    def set_policy(self, policy: Policy) -> None:
        with self._by_hand():
            self._desk.use_rules(replace(self._desk.rules, policy=policy))
            self._desk.note(msg("Policy: {name}.", name=policy.value))

    def set_source(self, source: Source) -> None:
        if source is not Source.PHONE:
            self._read_computer(needed=True)
        with self._by_hand():
            self._desk.use_rules(replace(self._desk.rules, source=source))
            self._desk.note(_source_words(source))

    def set_goal(self, goal: Goal | None) -> None:
        """`until_s` is Unix time on the phone's clock (`EnergyView.phone_time_s`). A goal that is none clears it."""
        with self._by_hand():
            self._desk.use_rules(replace(self._desk.rules, goal=sound_goal(goal)))

    def set_choice(self, choice: TierChoice) -> None:
        """The tier chosen by hand, which always wins, or Auto."""
        with self._moved(decide=True):
            self._desk.use_rules(replace(self._desk.rules, choice=choice))

    def set_network(self, available: bool) -> None:
        """Whether there is a cloud endpoint that the governor may offer."""
        with self._lock:
            self._desk.governor.network = available

    def lend(self, profile: Profile, policy: Policy) -> Loan:
        """Give a scenario a phone of its own in the place of the user's, which is what the settings go on to keep."""
        self._kept_keys = self.settings_keys()
        return Loan(self._desk, partial(self._moved, decide=True), profile, policy, self._loan_ended)

    def _loan_ended(self) -> None:
        self._kept_keys = None

    # -- settings

    def apply(self, before: Settings, after: Settings) -> None:
        """Use what differs between two settings. Raises AppError BAD_INPUT for a phone that cannot be used."""
        differs = {key for key in CHOICES if getattr(before, key) != getattr(after, key)}
        if "phone_id" in differs:
            self.set_phone(after.phone_id)
        if "phone_speed" in differs:
            self.set_speed(after.phone_speed)
        if differs - {"phone_id", "phone_speed"} or before.tier is not after.tier:
            with self._moved(decide=True):
                self._desk.use_rules(rules_of(after))

    def settings_keys(self) -> dict[str, Any]:
        """What the settings are to keep: what was chosen, and where the phone stands."""
        if self._kept_keys is not None:
            return self._kept_keys
        with self._lock:
            desk = self._desk
            profile = desk.phone.profile
            chosen = choice_keys(desk.rules, profile.id, desk.snapshot.speed)
            return chosen | state_keys(desk.snapshot, profile.power.screen_level)

    def leave(self) -> dict[str, Any]:
        """Let the phone finish what it was asked, and tell where it stands then, as settings."""
        with self._lock:
            self._desk.advance()
            self._desk.snapshot = self._desk.phone.work_off()
            return state_keys(self._desk.snapshot, self.profile.power.screen_level)

    # -- turns and the engine

    def decide(self) -> Decision:
        """The decision for a turn that begins now."""
        if needs_computer(self._desk.rules):
            self._read_computer(needed=True)
        with self._moved(decide=True):
            pass
        return self._desk.decision

    def begin(self, tier: Tier, *, cap: int | None = None) -> TurnMeter:
        """A turn is handed to the engine; its events go to `take`, its end to `end`."""
        with self._lock:
            desk = self._desk
            meter = TurnMeter(tier, desk.phone.profile, self._counters, cap=cap)
            desk.turn_began(meter)
        self._wake.set()
        return meter

    def take(self, meter: TurnMeter, event: TurnEvent) -> None:
        """An event of the turn, in order."""
        try:
            work = meter.take(event)
            if work is not None:
                meter.count(work, done=self._desk.phone.work(work))
        except ValueError:  # an engine that counts backwards must not cost the answer
            log.exception("impossible work")

    def perceived(self, event: PerceptionEvent, meter: TurnMeter | None = None) -> None:
        """An image was read or speech written down: for the answer of `meter`, or for no answer."""
        try:
            work = perceived(event, self._desk.decision.tier) if meter is None else meter.perceive(event)
            if work is not None:
                done = self._desk.phone.work(work)
                if meter is not None:
                    meter.count(work, done=done)
        except ValueError:  # an engine that hears for ever must not cost the answer
            log.exception("impossible work")

    def end(self, meter: TurnMeter) -> TurnEnergy | None:
        """The turn is over: what it cost, None when nothing was computed."""
        energy = meter.energy(self._desk.snapshot.status.word)
        with self._moved(decide=True, turn_ended=True):
            self._desk.turn_ended(meter, energy)
        return energy

    def reused(self, tier: Tier, cap: int | None) -> TurnEnergy:
        """What an answer out of the cache costs: nothing."""
        with self._lock:
            desk = self._desk
            nothing = Quantity(0.0, "J", Provenance.SIMULATED)
            status, phone_id = desk.snapshot.status.word, desk.phone.profile.id
            energy = TurnEnergy(nothing, None, 0, tier, True, phone_id, cap, status)
            desk.last_turn = energy
            desk.note(msg("An identical question was answered from the cache: nothing was computed."))
        return energy

    def tier_set(self, tier: Tier) -> None:
        """The engine was told to go on in `tier`: the running turn tells of it itself, those that wait begin in it."""
        with self._lock:
            self._desk.tier_set(tier)

    def forget_turn(self) -> None:
        """The last answer's joules are shown to nobody any more."""
        with self._lock:
            self._desk.last_turn = None

    def engine_changed(self, status: EngineStatus) -> None:
        """What the engine's `watch` tells."""
        with self._lock:
            self._desk.engine_changed(status)

    # -- inside

    @contextmanager
    def _moved(self, *, decide: bool = False, turn_ended: bool = False) -> Iterator[None]:
        """Bring everything to now, hold the lock for a change, decide, and tell the observer."""
        with self._lock:
            self._desk.advance()
            yield
            if decide:
                self._desk.advance()  # what was changed shows at once
            due = decide or self._desk.is_decision_due()
            news = self._desk.decide(turn_ended=turn_ended) if due else None
        if news is not None:
            self._observer(news)

    @contextmanager
    def _by_hand(self) -> Iterator[None]:
        with self._moved(decide=True):
            yield
            self._desk.governor.set_by_hand()
            self._unsaved_s = self._clock()
        self._wake.set()

    def _run(self) -> None:
        warm_at_s = self._clock() + SLOW_S  # opening the sensors takes 50 ms: not at the start, nor in an answer
        while not self._closed:
            try:
                pause_s = self.beat()
                if self._desk.telemetry is None and self._clock() >= warm_at_s:
                    self._read_computer(needed=True)
            except Exception:  # the phone is a companion: its fault must never end the thread unseen
                log.exception("a beat failed")
                pause_s = SLOW_S
            self._wake.wait(pause_s)
            self._wake.clear()

    def _is_due(self, watch: _Watch) -> bool:
        pause_s = FAST_S if watch.fast else SLOW_S
        return self._clock() - watch.told_s >= pause_s - _ON_TIME_S or self._clock() < watch.told_s

    def _read_computer(self, *, needed: bool = False) -> None:
        """Read the sensors when somebody looks and the last reading is a second old."""
        now_s = self._clock()
        if not (needed or self._watches or needs_computer(self._desk.rules)):
            return
        if self._desk.telemetry is not None and 0.0 <= now_s - self._read_s < _READ_EVERY_S:
            return
        self._read_s = now_s
        self._desk.telemetry = self._counters.read()

    def _save_if_due(self) -> None:
        since_s = self._unsaved_s
        if since_s is not None and not 0.0 <= self._clock() - since_s < SAVE_AFTER_S:
            self._unsaved_s = None
            self._saver()

    def _telemetry(self) -> Telemetry:
        return self._desk.telemetry or not_read_yet()


def _tell(sink: Watcher, view: EnergyView) -> None:
    try:
        sink(view)
    except Exception:  # a watcher's fault must not stop the phone, nor the other watchers
        log.exception("a watcher failed")


def _source_words(source: Source) -> Text:
    if source is Source.COMPUTER:
        return msg("The governor goes by this computer.")
    if source is Source.WORST:
        return msg("The governor goes by the worse of the phone and this computer.")
    return msg("The governor goes by the simulated phone.")
