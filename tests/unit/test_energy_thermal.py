"""Heat: exact against analysis, whatever the length of the step."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.thermal import Network, conduct, eigen_symmetric, settle
from autoglm_desktop.energy.throttle import Allocator, ThermalStatus, next_status

PROFILE = load_profile("iphone-17-pro")
NETWORK = Network(PROFILE.thermal)


def _warm(seconds: float, steps: int, processor_w: float, body_w: float, ambient_c: float = 25.0) -> tuple[float, ...]:
    """Temperatures after, and the heat rejected on the way, from a start at 25 °C."""
    junction = spreader = body = 25.0
    rejected = 0.0
    dt = seconds / steps
    heat = NETWORK.coefficients(dt)
    for _ in range(steps):
        junction, spreader, body, excess_k = conduct(heat, ambient_c, junction, spreader, body, processor_w, body_w)
        rejected += excess_k / NETWORK.body_ambient_k_w * dt
    return junction, spreader, body, rejected


def test_sustained_use_settles_near_46_degrees_of_skin() -> None:
    junction, _, body, _ = _warm(20_000.0, 20_000, 3.3, 1.1)
    assert body == pytest.approx(25.0 + 4.4 * 4.8, abs=0.01)
    section = PROFILE.thermal
    assert junction - body == pytest.approx(3.3 * (section.junction_spreader_k_w + section.spreader_body_k_w), rel=1e-6)


@pytest.mark.parametrize("steps", [1, 3, 600])
def test_one_step_is_many_small_ones(steps: int) -> None:
    assert _warm(600.0, steps, 3.5, 1.0) == pytest.approx(_warm(600.0, 6000, 3.5, 1.0), rel=1e-9)


def test_heat_in_is_stored_or_rejected() -> None:
    *ends, rejected = _warm(1234.0, 617, 3.5, 1.0)
    stored = sum(c * (end - 25.0) for c, end in zip(NETWORK.capacities_j_k, ends, strict=True))
    assert pytest.approx(stored + rejected, rel=1e-9) == 4.5 * 1234.0


def test_an_isothermal_phone_stays_as_it_is() -> None:
    assert _warm(3600.0, 60, 0.0, 0.0) == pytest.approx((25.0, 25.0, 25.0, 0.0), abs=1e-9)


def test_the_body_alone_follows_first_order() -> None:
    """Heated slowly from outside, the light inner nodes follow the body, whose time constant is about R·C."""
    tau = NETWORK.time_constants_s()[0]
    assert tau == pytest.approx(PROFILE.thermal.body_ambient_k_w * sum(NETWORK.capacities_j_k), rel=0.02)
    body = _warm(tau, 100, 0.0, 0.0, ambient_c=35.0)[2]
    assert body == pytest.approx(settle(25.0, 35.0, tau, tau), abs=0.3)


def test_the_nodes_have_the_time_constants_of_a_phone() -> None:
    body_s, spreader_s, junction_s = NETWORK.time_constants_s()
    assert 600.0 < body_s < 1200.0
    assert 20.0 < spreader_s < 60.0
    assert 2.0 < junction_s < 6.0


def test_trip_points_have_hysteresis() -> None:
    section = PROFILE.throttle
    trips, hysteresis = section.trips_c, section.hysteresis_k
    words = []
    status = 0
    for skin in (38.9, 39.0, 37.2, 37.0, 43.0, 45.0, 43.2, 43.0, 46.6, 52.0, 55.0, 20.0):
        status = next_status(trips, hysteresis, status, skin)
        words.append(ThermalStatus(status).word)
    assert words == [
        "NONE", "LIGHT", "LIGHT", "NONE", "MODERATE", "SEVERE", "SEVERE", "MODERATE", "CRITICAL", "EMERGENCY",
        "SHUTDOWN", "NONE",
    ]  # fmt: skip


def test_the_allocator_grants_less_as_it_gets_hotter_and_nothing_at_shutdown() -> None:
    allocator = Allocator(PROFILE.throttle)
    cool, _ = allocator.grant(25.0, 25.0, 0.0)
    target, _ = allocator.grant(PROFILE.throttle.control_target_c, 30.0, 0.0)
    hot, integral = allocator.grant(70.0, 42.0, 0.0)
    assert cool > target > hot > 0.0
    assert target == pytest.approx(PROFILE.throttle.sustainable_w)
    assert hot == pytest.approx(PROFILE.throttle.sustainable_w * (1.0 - PROFILE.throttle.integral_share))
    assert integral < 0.0
    assert allocator.grant(70.0, 55.0, 0.0)[0] == 0.0
    assert 0.0 < allocator.grant(70.0, 49.0, 0.0)[0] < hot


@given(st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3), st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_eigenvalues_and_vectors_are_numpy_s(diagonal: list[float], beside: list[float]) -> None:
    (a, b, c), (x, y, z) = diagonal, beside
    matrix = np.array([[a, x, y], [x, b, z], [y, z, c]])
    rates, vectors = eigen_symmetric(matrix.tolist())
    scale = float(np.abs(matrix).max())
    assert sorted(rates) == pytest.approx(np.linalg.eigvalsh(matrix), abs=1e-12 * scale)
    v = np.array(vectors)
    assert v @ np.diag(rates) @ v.T == pytest.approx(matrix, abs=1e-12 * scale)
    assert v.T @ v == pytest.approx(np.eye(3), abs=1e-12)


@pytest.mark.parametrize("dt_s", [1e-3, 0.1, 1.0, 60.0])
def test_a_step_is_the_matrix_exponential(dt_s: float) -> None:
    section = PROFILE.thermal
    g_js, g_sb = 1.0 / section.junction_spreader_k_w, 1.0 / section.spreader_body_k_w
    g = np.array([[g_js, -g_js, 0], [-g_js, g_js + g_sb, -g_sb], [0, -g_sb, g_sb + 1.0 / section.body_ambient_k_w]])
    c = np.array([section.junction_j_k, section.spreader_j_k, section.body_j_k])
    m = -g / c[:, None]
    found = Network(section).coefficients(dt_s)
    assert np.array(found.a).reshape(3, 3) == pytest.approx(expm(m * dt_s), abs=1e-12)
    forced = np.linalg.solve(m, expm(m * dt_s) - np.eye(3)) / c[None, :]
    assert found.bj == pytest.approx(forced[:, 0], abs=1e-12)
    assert found.bb == pytest.approx(forced[:, 2], abs=1e-12)


def test_the_path_to_the_window_loads_no_numpy() -> None:
    code = (
        "import sys; from autoglm_desktop.assistant.energy import EnergyService;"
        "from autoglm_desktop.core.settings import Settings;"
        "service = EnergyService(settings=Settings()); service.decide(); service.beat(); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
