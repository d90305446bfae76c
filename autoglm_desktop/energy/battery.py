"""A lithium-ion cell as a Thevenin circuit: open-circuit voltage, R0, and one RC pair.

Sign: positive current discharges. Over a step the current is constant, so the pair's voltage follows its exact
exponential and charge is counted exactly. A constant-power load is met *on average over the step*: with the means of
the open-circuit voltage and of the pair's voltage, both linear in the current,

    U = OCV(s) − m·v1,   R = R0 + R1·(1 − m) + slope·dt/(2·Q),   m = τ/dt·(1 − exp(−dt/τ)),
    I = (U − √(U² − 4·R·P)) / (2·R),

which for dt → 0 is the textbook solution with R0, and closes the energy balance of any step exactly. A negative
discriminant means that the cell cannot deliver the power: a brown-out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import exp, sqrt

from autoglm_desktop.energy.profile import BatterySection

KELVIN = 273.15
_REFERENCE_K = 298.15


Window = tuple[float, float, float, float, float, float, float, float]
"""The circuit seen over one step: mean voltage behind it U (V), mean resistance R (Ω): terminal = U − I·R; OCV at the
start (V), dOCV/dcharge (V/C), R0 and R1 at temperature (Ω), τ (s), exp(−dt/τ). A bare tuple: it is made every step."""

CellStep = tuple[float, float, float, float, float, float, float]
"""What one step did: soc, v_rc (V), mean terminal voltage (V), and in J: chemical energy given, heat of R0, heat of R1,
change of the pair's energy. Delivered = voltage·I·dt = chemical − the other three."""


class Cell:
    """The constants of a cell in the form that steps need. Immutable by convention; made once per profile."""

    __slots__ = ("_below", "activation_k", "c1_f", "charge_c", "cutoff_v", "ocv", "r0", "r1", "slope", "tau_s")

    def __init__(self, section: BatterySection) -> None:
        self.ocv = _percent_table(section.ocv_soc_percent, section.ocv_v)
        mean_v = (sum(self.ocv) - 0.5 * (self.ocv[0] + self.ocv[-1])) / 100.0
        self._below = list(accumulate((0.005 * (a + b) for a, b in pairwise(self.ocv)), initial=0.0))
        self.charge_c = section.energy_wh * 3600.0 / mean_v
        rises = [100.0 * (b - a) for a, b in zip(self.ocv, self.ocv[1:], strict=False)]
        self.slope = [*rises, rises[-1]]
        self.r0, self.r1, self.tau_s = section.r0_ohm, section.r1_ohm, section.tau_s
        self.c1_f = section.tau_s / section.r1_ohm
        self.activation_k = section.activation_k
        self.cutoff_v = section.cutoff_v

    def ocv_v(self, soc: float) -> float:
        """Open-circuit voltage at a state of charge of 0 to 1, linear between the table's rows."""
        i = int(soc * 100.0)
        return self.ocv[i] + self.slope[i] * (soc - i * 0.01)

    def stored_j(self, soc: float) -> float:
        """Chemical energy from empty to `soc`: the integral of the open-circuit voltage over charge, in J."""
        i = int(soc * 100.0)
        part = (soc - i * 0.01) * 0.5 * (self.ocv[i] + self.ocv_v(soc))
        return (self._below[i] + part) * self.charge_c

    def resistance_factor(self, temperature_c: float) -> float:
        """R(T)/R(25 °C), Arrhenius: exp(B·(1/T − 1/298.15 K))."""
        return exp(self.activation_k * (1.0 / (temperature_c + KELVIN) - 1.0 / _REFERENCE_K))

    def window(self, soc: float, v_rc: float, temperature_c: float, dt_s: float) -> Window:
        """The circuit averaged over a step of `dt_s` seconds."""
        factor = exp(self.activation_k * (1.0 / (temperature_c + KELVIN) - 1.0 / _REFERENCE_K))
        r0, r1, tau = self.r0 * factor, self.r1 * factor, self.tau_s * factor
        decay = exp(-dt_s / tau)
        mean = (1.0 - decay) * tau / dt_s
        i = int(soc * 100.0)
        ocv = self.ocv[i] + self.slope[i] * (soc - i * 0.01)
        slope_c = self.slope[i] / self.charge_c
        r = r0 + r1 * (1.0 - mean) + 0.5 * slope_c * dt_s
        return ocv - mean * v_rc, r, ocv, slope_c, r0, r1, tau, decay

    def across(self, window: Window, soc: float, charge_c: float, dt_s: float) -> Window:
        """`window` with the slope that gives the true mean of the open-circuit voltage over `charge_c` coulombs.

        For steps that pass rows of the table, where the slope changes: without it their energy would close only as well
        as the table is straight.
        """
        u, r, ocv, slope_c, r0, r1, tau, decay = window
        end = min(1.0, max(0.0, soc - charge_c / self.charge_c))
        moved_c = (soc - end) * self.charge_c
        if moved_c == 0.0:
            return window
        mean_v = (self.stored_j(soc) - self.stored_j(end)) / moved_c
        secant = 2.0 * (ocv - mean_v) / moved_c
        return u, r + 0.5 * (secant - slope_c) * dt_s, ocv, secant, r0, r1, tau, decay

    def advance(self, window: Window, soc: float, v_rc: float, current_a: float, dt_s: float) -> CellStep:
        """Let `current_a` flow for `dt_s` seconds through the circuit of `window`."""
        u, r, ocv, slope_c, r0, r1, tau, decay = window
        charge = current_a * dt_s
        settled = current_a * r1
        gap = v_rc - settled
        v_end = settled + gap * decay
        fall = 1.0 - decay
        squares = settled * settled * dt_s + gap * tau * fall * (2.0 * settled + 0.5 * gap * (1.0 + decay))
        return (
            soc - charge / self.charge_c,
            v_end,
            u - current_a * r,
            (ocv - 0.5 * slope_c * charge) * charge,
            current_a * charge * r0,
            squares / r1,
            0.5 * self.c1_f * (v_end - v_rc) * (v_end + v_rc),
        )


def current_for_power(u_v: float, r_ohm: float, power_w: float) -> float | None:
    """The smaller current that delivers `power_w` (negative: charges) from `u_v` behind `r_ohm`; None: brown-out.

    Written as 2P/(U + √(U² − 4RP)), which is the same root without cancellation at small powers.
    """
    discriminant = u_v * u_v - 4.0 * r_ohm * power_w
    return None if discriminant < 0.0 else 2.0 * power_w / (u_v + sqrt(discriminant))


def _percent_table(soc_percent: Sequence[int], volts: Sequence[float]) -> list[float]:
    """Voltages at 0, 1 … 100 %: linear in between, exact at the table's rows (they are whole percents)."""
    table = []
    for percent in range(101):
        k = min(bisect_right(soc_percent, percent) - 1, len(volts) - 2)
        share = (percent - soc_percent[k]) / (soc_percent[k + 1] - soc_percent[k])
        table.append(volts[k] + share * (volts[k + 1] - volts[k]))
    return table
