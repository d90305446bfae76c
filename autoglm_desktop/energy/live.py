"""The simulated phone as time passes: the same steps as a batch, driven by a clock and by work that comes in.

The phone moves on a fixed grid of simulated time (0.1 s below ten times real time, 1 s from there and over skips), so
what it does depends on the work and not on how often it is looked at. The clock is handed in; nothing here sleeps or
starts a thread.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from math import isfinite

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.energy.forecast import time_to_empty_s
from autoglm_desktop.energy.phone import Down, Flows, Load, Phone, State, add, start, step
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.throttle import ThermalStatus
from autoglm_desktop.energy.workload import Backlog, Conditions, Costs, Work, finish, next_load

MAX_CATCH_UP_S = 10.0
MIN_SPEED, MAX_SPEED = 1.0, 600.0
_FINE_S, _COARSE_S, _COARSE_FROM = 0.1, 1.0, 10.0
_MEAN_OVER_S = 60.0
_WORK_OFF_S = 3600.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The phone at a moment, all of it simulated. `flows` are those of the last tick; None when it did not move.

    Since the phone was put here, `joules` were drawn from the cell and `charged_j` went into it (both only grow), and
    `decoded_tok` were decoded. `mean_w` is what the cell gave in the last minute of simulated time, negative while it
    charges. `paused` says why time was left out, for the tick in which it was.
    """

    state: State
    status: ThermalStatus
    down: Down
    flows: Flows | None
    backlog: Backlog
    conditions: Conditions
    speed: float
    joules: float
    charged_j: float
    decoded_tok: float
    mean_w: float
    time_to_empty_s: float | None
    paused: Text | None = None


class LivePhone:
    """A phone that follows a clock. Every method may be called from any thread."""

    def __init__(self, profile: Profile, *, soc: float = 0.8, ambient_c: float = 25.0) -> None:
        self._lock = threading.Lock()
        self._phone = Phone(profile)
        self._costs = Costs.of(profile)
        self._state = start(self._phone, soc, ambient_c=ambient_c)
        self._around = Conditions(ambient_c, profile.power.screen_level)
        self._backlog = Backlog()
        self._speed = MIN_SPEED
        self._last_s: float | None = None
        self._due_s = 0.0
        self._joules = self._charged_j = self._decoded = 0.0
        self._recent: deque[tuple[float, float]] = deque()
        self._held_c: float | None = None

    @property
    def profile(self) -> Profile:
        return self._phone.profile

    @property
    def phone(self) -> Phone:
        return self._phone

    def work(self, work: Work) -> bool:
        """Queue what the engine did; False when the phone is off and does none of it.

        Raises ValueError for impossible counts.
        """
        with self._lock:
            backlog = self._backlog.add(work, self._phone.profile)
            if self._state.down:
                return False
            self._backlog = backlog
            return True

    def set_battery(self, soc: float) -> None:
        """Put the cell at rest at `soc` (clamped to 0 … 1), as the slider does. A phone that was off starts."""
        with self._lock:
            soc = min(1.0, max(0.0, soc)) if isfinite(soc) else self._state.soc
            down = self._state.down if self._state.down == Down.HOT else int(Down.ON)
            self._state = self._state._replace(soc=soc, v_rc=0.0, down=down)

    def set_temperature(self, body_c: float) -> None:
        """Bring every node to `body_c` (clamped to −20 … 90 °C): how a demonstration heats or cools the phone."""
        with self._lock:
            at = min(90.0, max(-20.0, body_c)) if isfinite(body_c) else self._state.body_c
            fresh = start(self._phone, self._state.soc, body_c=at)
            self._state = fresh._replace(time_s=self._state.time_s, v_rc=self._state.v_rc)

    def put(self, state: State) -> None:
        """Bring the phone to a state that another run of it reached; its clock goes on."""
        with self._lock:
            self._state = self._held(state._replace(time_s=self._state.time_s))

    def skip(self, seconds: float) -> None:
        """Let so many seconds pass, beside those of the clock, with the next tick."""
        with self._lock:
            self._due_s += max(0.0, seconds) if isfinite(seconds) else 0.0

    def hold_temperature(self, soc_c: float | None) -> None:
        """Hold SoC and spreader at `soc_c` (clamped to −20 … 110 °C) from outside until None lets them go.

        The skin follows by itself: an idle phone cannot have a hot SoC for long, a demonstration wants one.
        """
        with self._lock:
            self._held_c = None if soc_c is None or not isfinite(soc_c) else min(110.0, max(-20.0, soc_c))
            self._state = self._held(self._state)

    @property
    def held_c(self) -> float | None:
        """What `hold_temperature` holds."""
        return self._held_c

    def _held(self, state: State) -> State:
        held = self._held_c
        return state if held is None else state._replace(junction_c=held, spreader_c=held)

    def set_conditions(
        self, *, ambient_c: float | None = None, screen: float | None = None, plugged: bool | None = None
    ) -> None:
        """Change what surrounds the phone; values are clamped to −20 … 50 °C and 0 … 1."""
        with self._lock:
            around = self._around
            if ambient_c is not None and isfinite(ambient_c):
                around = around._replace(ambient_c=min(50.0, max(-20.0, ambient_c)))
            if screen is not None and isfinite(screen):
                around = around._replace(screen=min(1.0, max(0.0, screen)))
            self._around = around if plugged is None else around._replace(plugged=plugged)

    def set_speed(self, speed: float) -> None:
        """Simulated seconds per real second, clamped to 1 … 600."""
        with self._lock:
            self._speed = min(MAX_SPEED, max(MIN_SPEED, speed)) if isfinite(speed) else self._speed

    def work_off(self) -> Snapshot:
        """Do what is queued now, without a clock, for at most an hour of simulated time: for whoever leaves."""
        with self._lock:
            for _ in range(round(_WORK_OFF_S / _FINE_S)):
                if self._backlog.is_empty:
                    break
                self._step(next_load(self._backlog, self._costs, self._around, _FINE_S), _FINE_S)
            return self._snapshot(None)

    def tick(self, now_s: float) -> Snapshot:
        """Move on to `now_s` of a monotonic clock. The first tick starts the clock.

        A clock that went back moves nothing. After a gap of more than 10 s (a suspended computer) the phone says that
        it paused instead of catching up.
        """
        with self._lock:
            elapsed = 0.0 if self._last_s is None or not isfinite(now_s) else now_s - self._last_s
            self._last_s = now_s if isfinite(now_s) else self._last_s
            paused = None
            if elapsed > MAX_CATCH_UP_S:
                paused = msg("The simulated phone paused for {seconds:.0f} s.", seconds=elapsed)
                elapsed = 0.0
            self._due_s += max(0.0, elapsed) * self._speed
            return replace(self._snapshot(self._advance()), paused=paused)

    def _advance(self) -> Flows | None:
        """All whole steps that are due."""
        dt = _COARSE_S if self._speed >= _COARSE_FROM or self._due_s >= _COARSE_FROM else _FINE_S
        total: Flows | None = None
        while self._due_s >= dt - 1e-9:
            self._due_s = max(0.0, self._due_s - dt)
            load = next_load(self._backlog, self._costs, self._around, dt)
            flows = self._step(load, dt)
            total = flows if total is None else add(total, flows)
        return total

    def _step(self, load: Load, dt: float) -> Flows:
        state, flows = step(self._phone, self._state, load, dt)
        self._state = self._held(state)
        left = finish(self._backlog, self._costs, load, flows)
        self._backlog = Backlog() if state.down else left  # what a phone was doing is lost when it turns off
        self._joules += max(0.0, flows.chemical_j)
        self._charged_j += max(0.0, -flows.chemical_j)
        self._decoded += flows.decoded_tok
        self._recent.append((self._state.time_s, flows.chemical_j))
        while self._recent and self._recent[0][0] <= self._state.time_s - _MEAN_OVER_S:
            self._recent.popleft()
        return flows

    def _snapshot(self, flows: Flows | None) -> Snapshot:
        state = self._state
        mean_w = sum(j for _, j in self._recent) / min(_MEAN_OVER_S, state.time_s) if self._recent else 0.0
        return Snapshot(
            state=state,
            status=ThermalStatus(state.status),
            down=Down(state.down),
            flows=flows,
            backlog=self._backlog,
            conditions=self._around,
            speed=self._speed,
            joules=self._joules,
            charged_j=self._charged_j,
            decoded_tok=self._decoded,
            mean_w=mean_w,
            time_to_empty_s=time_to_empty_s(self._phone, state, mean_w),
        )
