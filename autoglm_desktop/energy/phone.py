"""The simulated phone: a profile, a state, and one right-hand side.

    state, flows = step(phone, state, load, dt_s)

`run` repeats it over a batch of loads and `live.LivePhone` as time passes; nothing else moves a phone. A step holds the
load constant. It is cut where the throttling governor polls (every `poll_s` seconds of simulated time), so one step and
many small ones see the same polls.

Tuples instead of frozen dataclasses: a step costs a few microseconds, of which making six frozen dataclasses would be
most; they are as immutable, and their fields have names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from math import isfinite
from typing import NamedTuple

from autoglm_desktop.energy.battery import Cell, Window, current_for_power
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.thermal import HeatStep, Network, conduct
from autoglm_desktop.energy.throttle import Allocator, ThermalStatus, next_status

MAX_STEP_S = 60.0
SAG_MARGIN_V = 0.02
"""Above the cut-off: below that, the processor is slowed so that the loaded cell does not reach the cut-off."""
_SAME_INSTANT_S = 1e-9
_BOOT_SOC = 0.02
_FULL_AGAIN_SOC = 0.97
_LIGHT, _SHUTDOWN = int(ThermalStatus.LIGHT), int(ThermalStatus.SHUTDOWN)


class Down(IntEnum):
    """Why the phone is off."""

    ON = 0
    EMPTY = 1
    """The voltage under load fell below the cut-off."""
    BROWN_OUT = 2
    """The cell could not deliver the power at any current."""
    HOT = 3
    """The skin reached SHUTDOWN."""


class Charging(IntEnum):
    """What the charger may do; it is reconsidered at every poll."""

    ALLOWED = 0
    HELD = 1
    """The pack is too hot or too cold."""
    FULL = 2


_ON, _EMPTY, _BROWN_OUT, _HOT = (int(reason) for reason in Down)
_ALLOWED, _HELD, _FULL = (int(what) for what in Charging)


class Load(NamedTuple):
    """What is asked of the phone for the length of a step. Rates are wishes; the governor may grant a share.

    Work of the processor (decode, prefill, vision, speech, loading weights) is throttled together. All ≥ 0 and finite.
    """

    ambient_c: float = 25.0
    screen: float = 0.0
    """Brightness, 0 (off) to 1."""
    plugged: bool = False
    decode_tok_s: float = 0.0
    decode_j: float = 0.0
    """Joules a token."""
    prefill_tok_s: float = 0.0
    prefill_j: float = 0.0
    vision_w: float = 0.0
    speech_w: float = 0.0
    loading_w: float = 0.0
    radio: float = 0.0
    """Share of the step in which the radio sends or receives."""
    asleep: bool = False
    """In standby: `standby_w` in the place of `idle_w`. A processor that works is awake: the caller's to keep."""


class State(NamedTuple):
    """Everything that a phone remembers between steps."""

    time_s: float
    soc: float
    v_rc: float
    junction_c: float
    spreader_c: float
    body_c: float
    """The skin, and the cell."""
    granted_w: float
    """Processor watts that the allocator grants until the next poll; infinite before the first."""
    integral_w: float
    poll_left_s: float
    status: int
    """A `ThermalStatus`."""
    radio_tail_s: float
    charging: int
    """A `Charging`."""
    down: int
    """A `Down`."""


class Flows(NamedTuple):
    """What moved during a step, in joules unless named otherwise.

    Closures: `chemical_j` + `charger_j` = `used_j` + `r0_j` + `rc_j` + `rc_stored_j`, and `heat_in_j` =
    heat stored in the three nodes + `rejected_j`, with `heat_in_j` = `used_j` + `r0_j` + `rc_j` + `converter_j`.
    """

    dt_s: float
    used_j: float
    """By idle, screen, radio and the processor."""
    idle_j: float
    screen_j: float
    radio_j: float
    decode_j: float
    prefill_j: float
    vision_j: float
    speech_j: float
    loading_j: float
    granted: float
    """Share of the wished processor work that was done (mean of the step)."""
    decoded_tok: float
    prefilled_tok: float
    chemical_j: float
    """Out of the cell's chemistry; negative while it charges."""
    charger_j: float
    """From the charger into the phone's rail."""
    converter_j: float
    """Lost in the charger's converter."""
    r0_j: float
    rc_j: float
    rc_stored_j: float
    heat_in_j: float
    rejected_j: float
    current_a: float
    voltage_v: float

    @property
    def power_w(self) -> float:
        """Mean watts that the cell's chemistry gave, losses included; while charging, negative."""
        return self.chemical_j / self.dt_s

    @property
    def used_w(self) -> float:
        """Mean watts of the phone's parts, wherever they came from."""
        return self.used_j / self.dt_s

    @property
    def tok_s(self) -> float:
        return self.decoded_tok / self.dt_s


class Phone:
    """A profile compiled for stepping. Build once, share freely: it never changes but for a cache of step lengths."""

    __slots__ = (
        "_heat_steps",
        "allocator",
        "cell",
        "charger_w",
        "converter_loss",
        "hysteresis_k",
        "idle_w",
        "least_v",
        "max_charge_a",
        "network",
        "poll_s",
        "profile",
        "radio_tail_s",
        "radio_tail_w",
        "radio_w",
        "rejects",
        "screen_w",
        "standby_w",
        "trips_c",
        "voltage_v",
    )  # fmt: skip

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.cell = Cell(profile.battery)
        self.network = Network(profile.thermal)
        self.allocator = Allocator(profile.throttle)
        self.poll_s = profile.throttle.poll_s
        self.trips_c, self.hysteresis_k = profile.throttle.trips_c, profile.throttle.hysteresis_k
        self.least_v = profile.battery.cutoff_v + SAG_MARGIN_V
        self.rejects = 1.0 / profile.thermal.body_ambient_k_w
        power, charger = profile.power, profile.charger
        self.idle_w, self.standby_w, self.screen_w = power.idle_w, power.standby_w, power.screen_w
        self.radio_w, self.radio_tail_w, self.radio_tail_s = power.radio_w, power.radio_tail_w, power.radio_tail_s
        self.charger_w, self.converter_loss = charger.power_w, 1.0 / charger.efficiency - 1.0
        self.max_charge_a, self.voltage_v = charger.max_current_a, charger.voltage_v
        self._heat_steps: dict[float, HeatStep] = {}

    def heat_step(self, dt_s: float) -> HeatStep:
        """Thermal coefficients of a step length, kept for those in use."""
        found = self._heat_steps.get(dt_s)
        if found is None:
            if len(self._heat_steps) >= 64:
                self._heat_steps.clear()
            found = self._heat_steps[dt_s] = self.network.coefficients(dt_s)
        return found


def start(phone: Phone, soc: float, *, ambient_c: float = 25.0, body_c: float | None = None) -> State:
    """A phone at rest at `soc` (0 to 1), every node at the ambient temperature, or at `body_c`.

    Raises ValueError outside 0…1 or −40…90 °C.
    """
    at = ambient_c if body_c is None else body_c
    if not (0.0 <= soc <= 1.0 and -40.0 <= at <= 90.0):
        raise ValueError(f"soc {soc!r} must be 0 to 1 and the temperature {at!r} −40 to 90 °C")
    status = next_status(phone.trips_c, phone.hysteresis_k, 0, at)
    down = _HOT if status == _SHUTDOWN else _ON
    charger = phone.profile.charger
    charging = _ALLOWED if charger.cold_stop_c < at < charger.hot_stop_c else _HELD
    return State(0.0, soc, 0.0, at, at, at, float("inf"), 0.0, phone.poll_s, status, 0.0, charging, down)


def step(phone: Phone, state: State, load: Load, dt_s: float) -> tuple[State, Flows]:
    """Advance by `dt_s` (above 0, up to `MAX_STEP_S`) seconds under a constant load.

    Raises ValueError for a step length or a load that is not finite or negative: a caller's mistake.
    """
    if not 0.0 < dt_s <= MAX_STEP_S:
        raise ValueError(f"a step of {dt_s!r} s is outside 0 to {MAX_STEP_S} s")
    left = state.poll_left_s
    if dt_s <= left + _SAME_INSTANT_S:
        return _piece(phone, state, load, dt_s)
    state, total = _piece(phone, state, load, left)
    done = left
    while done < dt_s - _SAME_INSTANT_S:
        length = min(dt_s - done, state.poll_left_s)
        state, flows = _piece(phone, state, load, length)
        total = add(total, flows)
        done += length
    return state, total


def run(phone: Phone, state: State, loads: Iterable[Load], dt_s: float) -> Iterator[tuple[State, Flows]]:
    """A batch: one step of `dt_s` seconds per load, each result as it is made."""
    for load in loads:
        state, flows = step(phone, state, load, dt_s)
        yield state, flows


def add(a: Flows, b: Flows) -> Flows:
    """The flows of two steps in a row: sums, and time-weighted means of `granted`, current and voltage."""
    dt = a.dt_s + b.dt_s
    sums = [x + y for x, y in zip(a, b, strict=True)]
    for name in ("granted", "current_a", "voltage_v"):
        i = Flows._fields.index(name)
        sums[i] = (a[i] * a.dt_s + b[i] * b.dt_s) / dt
    return Flows(*sums)


def _piece(phone: Phone, state: State, load: Load, dt: float) -> tuple[State, Flows]:
    """One step that no poll interrupts; a poll may end it."""
    (time, soc, v_rc, junction, spreader, body, granted_w, integral, left, status, tail, charging, down) = state
    ambient, screen, plugged, tok_s, tok_j, pre_s, pre_j, vision, speech, loading, radio, asleep = load

    processor = tok_s * tok_j + pre_s * pre_j + vision + speech + loading
    share = 0.0 if down else (granted_w / processor if processor > granted_w else 1.0)
    processor *= share
    idle = screen_w = radio_w = 0.0
    if not down:
        idle, screen_w = phone.standby_w if asleep else phone.idle_w, phone.screen_w * screen
        radio_w, tail = _radio(phone, radio, tail, dt) if radio or tail else (0.0, tail)
    rest = idle + screen_w + radio_w
    used_w = processor + rest
    if not (0.0 <= used_w < 1e6 and -90.0 < ambient < 150.0):
        raise ValueError(f"the load {load} cannot be stepped")

    cell = phone.cell
    window = cell.window(soc, v_rc, body, dt)
    if plugged:
        current = _charged_current(phone, window, soc, used_w, charging, dt)
    else:
        current = current_for_power(window[0], window[1], used_w)
        if processor and (current is None or window[0] - current * window[1] < phone.least_v):
            wished, processor = processor / share, _without_sag(phone, window, processor, rest)
            share, used_w = processor / wished, processor + rest
            current = current_for_power(window[0], window[1], used_w)
    if current is not None and int(100.0 * soc) != int(100.0 * (soc - current * dt / cell.charge_c)):
        window, current = _over_a_row(phone, window, current, soc, used_w, plugged, charging, dt)
    if current is None or current * dt > soc * cell.charge_c:
        return _piece(phone, state._replace(down=_BROWN_OUT), load, dt)
    soc, v_rc, voltage, chemical, r0_j, rc_j, rc_stored = cell.advance(window, soc, v_rc, current, dt)
    charger = used_w * dt - voltage * current * dt if plugged else 0.0
    converter = charger * phone.converter_loss

    lost = r0_j + rc_j + converter
    heat = phone.heat_step(dt)
    junction, spreader, body, excess_k = conduct(heat, ambient, junction, spreader, body, processor, rest + lost / dt)

    if not down and voltage < phone.cell.cutoff_v and not charger:
        down = _EMPTY
    left, time = left - dt, time + dt
    after: State = tuple.__new__(
        State,
        (time, soc, v_rc, junction, spreader, body, granted_w, integral, left, status, tail, charging, down),
    )
    if left <= _SAME_INSTANT_S:
        after = _poll(phone, after, current, voltage, plugged)
    done = share * dt
    flows: Flows = tuple.__new__(
        Flows,
        (
            dt, used_w * dt, idle * dt, screen_w * dt, radio_w * dt,
            tok_s * tok_j * done, pre_s * pre_j * done, vision * done, speech * done, loading * done,
            share, tok_s * done, pre_s * done,
            chemical, charger, converter, r0_j, rc_j, rc_stored,
            used_w * dt + lost, excess_k * phone.rejects * dt, current, voltage,
        ),
    )  # fmt: skip
    return after, flows


def _without_sag(phone: Phone, window: Window, processor_w: float, rest_w: float) -> float:
    """The processor's watts that leave the loaded cell above its cut-off: phones slow down before they turn off."""
    u, r = window[0], window[1]
    available_w = phone.least_v * (u - phone.least_v) / r
    return min(processor_w, max(0.0, available_w - rest_w))


def _radio(phone: Phone, radio: float, tail: float, dt: float) -> tuple[float, float]:
    """Mean radio watts of the step and the tail that is left: after traffic, the radio stays up for a while."""
    if radio > 0.0:
        return phone.radio_w * radio + phone.radio_tail_w * (1.0 - radio), phone.radio_tail_s
    return phone.radio_tail_w * min(tail, dt) / dt, max(0.0, tail - dt)


def _charged_current(  # noqa: PLR0917 - called every step
    phone: Phone, window: Window, soc: float, used_w: float, charging: int, dt: float
) -> float | None:
    """Amperes from the cell while plugged in: negative charges, positive helps a weak charger; None: brown-out.

    Constant current up to the charger's watts, then constant voltage: the mean terminal voltage stays at or below it.
    """
    u, r = window[0], window[1]
    net = used_w - phone.charger_w
    current = current_for_power(u, r, 0.0 if net < 0.0 and charging else net)
    if current is None or current >= 0.0:
        return current
    room = (1.0 - soc) * phone.cell.charge_c / dt
    return -max(0.0, min(-current, phone.max_charge_a, (phone.voltage_v - u) / r, room))


def _over_a_row(  # noqa: PLR0917 - called by the step
    phone: Phone, window: Window, current: float, soc: float, used_w: float, plugged: bool, charging: int, dt: float
) -> tuple[Window, float | None]:
    """Window and current of a step that passes a row of the table, where the slope changes: solved with its mean."""
    found: float | None = current
    for _ in range(4):
        if found is None or found * dt > soc * phone.cell.charge_c:
            break
        window = phone.cell.across(window, soc, found * dt, dt)
        if plugged:
            found = _charged_current(phone, window, soc, used_w, charging, dt)
        else:
            found = current_for_power(window[0], window[1], used_w)
    return window, found


def _poll(phone: Phone, state: State, current_a: float, voltage_v: float, plugged: bool) -> State:
    """The governor looks: status, watts, charging, and whether the phone stays on or comes back."""
    (time, soc, v_rc, junction, spreader, body, _, integral, _, status, tail, charging, down) = state
    status = next_status(phone.trips_c, phone.hysteresis_k, status, body)
    granted, integral = phone.allocator.grant(spreader, body, integral)
    if status == _SHUTDOWN:
        down = _HOT
    elif down and ((down == _HOT and status <= _LIGHT) or (down != _HOT and plugged and soc > _BOOT_SOC)):
        down = _ON
    charging = _charging(phone, soc, body, charging, current_a, voltage_v, plugged)
    polled: State = tuple.__new__(
        State,
        (time, soc, v_rc, junction, spreader, body, granted, integral, phone.poll_s, status, tail, charging, down),
    )
    return polled


def _charging(  # noqa: PLR0917 - called every poll
    phone: Phone, soc: float, body: float, charging: int, current_a: float, voltage_v: float, plugged: bool
) -> int:
    """What the charger may do until the next poll."""
    charger = phone.profile.charger
    if body >= charger.hot_stop_c or body <= charger.cold_stop_c:
        return _HELD
    if not plugged:
        return _ALLOWED
    if charging == _HELD:
        return _HELD if body > charger.hot_resume_c else _ALLOWED
    if charging == _FULL:
        return _FULL if soc > _FULL_AGAIN_SOC else _ALLOWED
    tapered = voltage_v >= charger.voltage_v - 0.002 and -current_a < charger.taper_a
    return _FULL if tapered or soc >= 1.0 else _ALLOWED


def is_sane(state: State) -> bool:
    """Every number finite (the first grant is infinite) and the charge within 0 to 1."""
    return all(isfinite(x) for x in state._replace(granted_w=0.0)) and 0.0 <= state.soc <= 1.0
