"""Heat from the processor to the air: junction → spreader → body (skin and cell) → ambient.

Linear with constant inputs over a step, so the step is the exact matrix exponential. With θ = T − ambient,

    C·dθ/dt = −G·θ + q,

and the symmetric form C^(−1/2)·G·C^(−1/2) has real eigenvalues: exact and stable for any step length.
No numpy: three by three is little, and the application starts without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1, sqrt
from typing import NamedTuple

from autoglm_desktop.energy.profile import ThermalSection

_NODES = range(3)
_SWEEPS = 50


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

    __slots__ = ("_inverse_c", "_modes", "_rates", "body_ambient_k_w", "capacities_j_k")

    def __init__(self, section: ThermalSection) -> None:
        g_js, g_sb = 1.0 / section.junction_spreader_k_w, 1.0 / section.spreader_body_k_w
        g_ba = 1.0 / section.body_ambient_k_w
        conductance = ((g_js, -g_js, 0.0), (-g_js, g_js + g_sb, -g_sb), (0.0, -g_sb, g_sb + g_ba))
        self.capacities_j_k = (section.junction_j_k, section.spreader_j_k, section.body_j_k)
        root = tuple(sqrt(c) for c in self.capacities_j_k)
        self._rates, v = eigen_symmetric([[conductance[i][k] / (root[i] * root[k]) for k in _NODES] for i in _NODES])
        self._modes = [tuple(v[i][e] * v[k][e] * root[k] / root[i] for e in _NODES) for i in _NODES for k in _NODES]
        self._inverse_c = tuple(1.0 / c for c in self.capacities_j_k)
        self.body_ambient_k_w = section.body_ambient_k_w

    def coefficients(self, dt_s: float) -> HeatStep:
        """The step of `dt_s` seconds. A few µs: keep the result for step lengths that repeat."""
        modes, c = self._modes, self._inverse_c
        once = [-expm1(-rate * dt_s) / rate for rate in self._rates]
        twice = [(dt_s - done) / rate for rate, done in zip(self._rates, once, strict=True)]
        a = _function(modes, [exp(-rate * dt_s) for rate in self._rates])
        b = _function(modes, once)
        mean_b = _function(modes[6:], twice)
        return HeatStep(
            a=tuple(a),
            bj=(b[0] * c[0], b[3] * c[0], b[6] * c[0]),
            bb=(b[2] * c[2], b[5] * c[2], b[8] * c[2]),
            mean=(b[6] / dt_s, b[7] / dt_s, b[8] / dt_s, mean_b[0] * c[0] / dt_s, mean_b[2] * c[2] / dt_s),
        )

    def time_constants_s(self) -> tuple[float, ...]:
        """The network's three time constants, longest first."""
        return tuple(sorted((1.0 / rate for rate in self._rates), reverse=True))


def _function(modes: Sequence[tuple[float, ...]], of_rates: Sequence[float]) -> list[float]:
    """Entries of C^(−1/2)·V·diag(f)·Vᵀ·C^(1/2): a function of the network's matrix, one value per eigenvalue."""
    f, g, h = of_rates
    return [x * f + y * g + z * h for x, y, z in modes]


def eigen_symmetric(matrix: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]]]:
    """Eigenvalues of a symmetric 3×3 matrix, and its eigenvectors as the columns of a 3×3 list.

    Cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, 4th ed., 8.5): accurate to rounding.
    """
    a = [list(row) for row in matrix]
    v = [[float(i == k) for k in _NODES] for i in _NODES]
    for _ in range(_SWEEPS):
        if a[0][1] == a[0][2] == a[1][2] == 0.0:
            break
        for p, q in ((0, 1), (0, 2), (1, 2)):
            if a[p][q] != 0.0:
                _rotate(a, v, p, q)
    return [a[i][i] for i in _NODES], v


def _rotate(a: list[list[float]], v: list[list[float]], p: int, q: int) -> None:
    """Turn the plane of p and q so that a[p][q] vanishes; what is below rounding is taken for nothing."""
    if abs(a[p][q]) <= 1e-18 * (abs(a[p][p]) + abs(a[q][q])):
        a[p][q] = a[q][p] = 0.0
        return
    theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q])
    t = (1.0 if theta >= 0.0 else -1.0) / (abs(theta) + sqrt(theta * theta + 1.0))
    c = 1.0 / sqrt(t * t + 1.0)
    s = t * c
    for k in _NODES:
        a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
    for k in _NODES:
        a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
        v[k][p], v[k][q] = c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]
    a[p][q] = a[q][p] = 0.0


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
