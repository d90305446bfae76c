"""One turn's energy: its events become work for the phone and a price, while this computer's counters run."""

from __future__ import annotations

import threading

from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.events import Failed, Finished, PerceptionEvent, Phase, PhaseChanged, TurnEvent, Usage
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.perception import ImageRead, Transcribed
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance, Quantity
from autoglm_desktop.energy.price import Price, price
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.telemetry import Mark, Telemetry, ThisComputer
from autoglm_desktop.energy.workload import Costs, Work, WorkTracker, refuse_impossible


class Counters:
    """This computer's sensors, for several threads."""

    def __init__(self, computer: ThisComputer) -> None:
        self._computer = computer
        self._lock = threading.Lock()

    def read(self) -> Telemetry:
        with self._lock:
            return self._computer.read()

    def mark(self) -> Mark:
        with self._lock:
            return self._computer.mark()

    def joules_since(self, mark: Mark) -> Quantity:
        with self._lock:
            return self._computer.joules_since(mark)


def perceived(event: PerceptionEvent, tier: Tier) -> Work | None:
    """The work of an image that was read, or of speech that was written down."""
    if isinstance(event, ImageRead):
        return Work(tier, images=1.0)
    if isinstance(event, Transcribed):
        return Work(tier, speech_s=max(0.0, event.transcript.duration_s))
    return None


def _phone_off() -> Text:
    return msg("The simulated phone was off: what this computer did meanwhile cost it nothing.")


class TurnMeter:
    """Give it every event of a turn, one at a time, then ask for the `energy`.

    This computer's counters start with the first event that is not of waiting: what other answers used meanwhile is
    theirs.
    """

    def __init__(self, tier: Tier, profile: Profile, counters: Counters, *, cap: int | None) -> None:
        self._tracker = WorkTracker(tier)
        self._profile, self._costs = profile, Costs.of(profile)
        self._counters = counters
        self._cap = cap
        self._mark: Mark | None = None
        self._price = Price(0.0, 0.0)
        self._tokens = 0.0
        self._did_anything = self._was_off = False
        self.usage: Usage | None = None
        """What the last event told."""

    @property
    def tier(self) -> Tier:
        """What the turn was asked in, and is made in since it runs."""
        return self._tracker.tier

    @property
    def waits(self) -> bool:
        """Whether nothing was heard of it yet but that it waits for others."""
        return self._mark is None

    def ask_in(self, tier: Tier) -> None:
        """Another tier for a turn that waits."""
        self._tracker = WorkTracker(tier)

    def take(self, event: TurnEvent) -> Work | None:
        """The work that the event tells of, if any. Raises ValueError for impossible counts."""
        if self._mark is None and not (isinstance(event, PhaseChanged) and event.phase is Phase.QUEUED):
            self._mark = self._counters.mark()
        if isinstance(event, Finished | Failed):
            self.usage = event.usage
        tracker, work = self._tracker.reduce(event)
        if work is not None:
            refuse_impossible(work)
        self._tracker = tracker
        return None if work is None or work == Work(work.tier) else work

    def perceive(self, event: PerceptionEvent) -> Work | None:
        """As `take`, for an image that is read or speech that is written down for this turn."""
        if self._mark is None and not (isinstance(event, PhaseChanged) and event.phase is Phase.QUEUED):
            self._mark = self._counters.mark()
        return perceived(event, self._tracker.tier)

    def answers(self, tier: Tier, cap: int | None) -> None:
        """What was heard until now is the question: its answer begins, in this tier."""
        self._tracker, self._cap = WorkTracker(tier), cap

    def count(self, work: Work, *, done: bool) -> None:
        """Charge work that the phone took; what it did not take, because it was off, is told and costs nothing."""
        self._did_anything = True
        self._tokens += work.decoded_tok
        if done:
            cost = price(self._profile, self._costs, work, screen=self._profile.power.screen_level)
            self._price = self._price.plus(cost)
        else:
            self._was_off = True

    def energy(self, thermal: str) -> TurnEnergy | None:
        """What the turn cost; None when nothing was computed for it. `thermal` is the phone's status now."""
        if not self._did_anything:
            return None
        used = None if self._mark is None else self._counters.joules_since(self._mark)
        return TurnEnergy(
            phone=Quantity(self._price.joules, "J", Provenance.SIMULATED, _phone_off() if self._was_off else None),
            computer=used if used is not None and used.value is not None else None,
            tokens=round(self._tokens),
            tier=self.usage.tier if self.usage is not None else self._tracker.tier,
            phone_id=self._profile.id,
            max_new_tokens=self._cap,
            thermal=thermal,
        )
