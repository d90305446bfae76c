"""Heat from the processor to the air: junction → spreader → body (skin and cell) → ambient.

Linear with constant inputs over a step, so the step is the exact matrix exponential. With θ = T − ambient,

    C·dθ/dt = −G·θ + q,

and the symmetric form C^(−1/2)·G·C^(−1/2) has real eigenvalues: exact and stable for any step length.
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np

from autoglm_desktop.energy.profile import ThermalSection


class HeatStep(NamedTuple):
    """Coefficients of one step length: θ' = A·θ + bj·(W at the junction) + bb·(W in the body).

    `mean` gives the body's θ averaged over the step from the same five inputs: what is rejected is mean/R·dt.
    """

    a: tuple[float, ...]
    """Row-major 3×3: junction, spreader, body."""
    bj: tuple[float, float, float]
    bb: tuple[float, float, float]
    mean: tuple[float, float, float, float, float]


class Network:
    """Eigen-decomposition of a profile's network; `coefficients(dt)` is then a few exponentials."""

    __slots__ = ("_inverse_c", "_rates", "_left", "_right", "body_ambient_k_w", "capacities_j_k")  # noqa: RUF023 - by role

    def __init__(self, section: ThermalSection) -> None:
        g_js, g_sb = 1.0 / section.junction_spreader_k_w, 1.0 / section.spreader_body_k_w
        g_ba = 1.0 / section.body_ambient_k_w
        conductance = np.array(
            [[g_js, -g_js, 0.0], [-g_js, g_js + g_sb, -g_sb], [0.0, -g_sb, g_sb + g_ba]], dtype=np.float64
        )
        capacity = np.array([section.junction_j_k, section.spreader_j_k, section.body_j_k], dtype=np.float64)
        root = np.sqrt(capacity)
        rates, vectors = np.linalg.eigh(conductance / np.outer(root, root))
        self._rates = rates
        self._left = vectors / root[:, None]
        self._right = vectors.T * root[None, :]
        self._inverse_c = 1.0 / capacity
        self.body_ambient_k_w = section.body_ambient_k_w
        self.capacities_j_k = (section.junction_j_k, section.spreader_j_k, section.body_j_k)

    def coefficients(self, dt_s: float) -> HeatStep:
        """The step of `dt_s` seconds. About 50 µs: keep the result for step lengths that repeat."""
        z = self._rates * dt_s
        decay = np.exp(-z)
        once = -np.expm1(-z) / self._rates
        twice = (dt_s - once) / self._rates
        a = (self._left * decay) @ self._right
        b = (self._left * once) @ self._right * self._inverse_c[None, :]
        mean_a = (self._left[2] * once) @ self._right / dt_s
        mean_b = (self._left[2] * twice) @ self._right * self._inverse_c / dt_s
        return HeatStep(
            a=tuple(float(x) for x in a.ravel()),
            bj=(float(b[0, 0]), float(b[1, 0]), float(b[2, 0])),
            bb=(float(b[0, 2]), float(b[1, 2]), float(b[2, 2])),
            mean=(float(mean_a[0]), float(mean_a[1]), float(mean_a[2]), float(mean_b[0]), float(mean_b[2])),
        )

    def time_constants_s(self) -> tuple[float, ...]:
        """The network's three time constants, longest first."""
        return tuple(sorted((float(1.0 / rate) for rate in self._rates), reverse=True))


def conduct(  # noqa: PLR0917 - called every step
    heat: HeatStep,
    ambient_c: float,
    junction_c: float,
    spreader_c: float,
    body_c: float,
    junction_w: float,
    body_w: float,
) -> tuple[float, float, float, float]:
    """One step: the three temperatures after it, and how far the body lay above ambient on average, in K."""
    a, bj, bb, mean = heat
    j, s, b = junction_c - ambient_c, spreader_c - ambient_c, body_c - ambient_c
    return (
        ambient_c + a[0] * j + a[1] * s + a[2] * b + bj[0] * junction_w + bb[0] * body_w,
        ambient_c + a[3] * j + a[4] * s + a[5] * b + bj[1] * junction_w + bb[1] * body_w,
        ambient_c + a[6] * j + a[7] * s + a[8] * b + bj[2] * junction_w + bb[2] * body_w,
        mean[0] * j + mean[1] * s + mean[2] * b + mean[3] * junction_w + mean[4] * body_w,
    )


def settle(start_c: float, end_c: float, elapsed_s: float, tau_s: float) -> float:
    """First-order approach to `end_c`: the analytic case that tests and forecasts use."""
    return end_c + (start_c - end_c) * exp(-elapsed_s / tau_s)
