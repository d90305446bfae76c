"""The cell against analysis, against itself, and against an independent implementation."""

from __future__ import annotations

from math import exp, isclose, sqrt

import pytest
import thevenin

from autoglm_desktop.energy.battery import Cell, current_for_power
from autoglm_desktop.energy.profile import load_profile

SECTION = load_profile("iphone-17-pro").battery


def _carry(cell: Cell, current_a: float, seconds: float, steps: int) -> list[float]:
    """soc, v_rc and the sums of chemical, delivered, R0, R1 and pair energy of `steps` equal steps."""
    total = [0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    dt = seconds / steps
    for _ in range(steps):
        window = cell.window(total[0], total[1], 25.0, dt)
        total[0], total[1], volts, chemical, r0, rc, stored = cell.advance(window, total[0], total[1], current_a, dt)
        for i, joules in enumerate((chemical, volts * current_a * dt, r0, rc, stored), start=2):
            total[i] += joules
    return total


def test_the_pack_holds_its_energy() -> None:
    assert Cell(SECTION).stored_j(1.0) == pytest.approx(SECTION.energy_wh * 3600.0, rel=1e-12)


def test_the_table_is_met_at_its_rows_and_linear_between() -> None:
    cell = Cell(SECTION)
    for percent, volts in zip(SECTION.ocv_soc_percent, SECTION.ocv_v, strict=True):
        assert cell.ocv_v(percent / 100.0) == pytest.approx(volts, abs=1e-9)
    assert cell.ocv_v(0.75) == pytest.approx((cell.ocv_v(0.7) + cell.ocv_v(0.8)) / 2.0)


def test_a_resting_cell_holds_its_voltage() -> None:
    cell = Cell(SECTION)
    soc, v_rc, *energies = _carry(cell, 0.0, 36_000.0, 600)
    assert (soc, v_rc, energies) == (0.8, 0.0, [0.0] * 5)


@pytest.mark.parametrize("steps", [1, 7, 300])
def test_the_pair_answers_a_current_step_exactly(steps: int) -> None:
    cell = Cell(SECTION)
    v_rc = _carry(cell, 1.2, 30.0, steps)[1]
    assert v_rc == pytest.approx(1.2 * SECTION.r1_ohm * (1.0 - exp(-30.0 / SECTION.tau_s)), rel=1e-12)


def test_constant_current_takes_its_charge() -> None:
    cell = Cell(SECTION)
    hour = _carry(cell, cell.charge_c / 36_000.0, 3600.0, 3600)
    assert hour[0] == pytest.approx(0.7, abs=1e-12)


@pytest.mark.parametrize(
    ("current_a", "seconds", "steps"), [(1.2, 3600.0, 3600), (-2.0, 1200.0, 120), (4.0, 600.0, 60)]
)
def test_energy_closes(current_a: float, seconds: float, steps: int) -> None:
    """Chemical energy, from the integral of the table and not from the steps, is delivered, lost or in the pair."""
    cell = Cell(SECTION)
    soc, _, _, delivered, r0, rc, stored = _carry(cell, current_a, seconds, steps)
    given = cell.stored_j(0.8) - cell.stored_j(soc)
    assert given == pytest.approx(delivered + r0 + rc + stored, rel=1e-6)
    assert r0 > 0.0 < rc


def test_a_constant_power_is_met_on_average() -> None:
    cell = Cell(SECTION)
    window = cell.window(0.8, 0.02, 25.0, 10.0)
    current = current_for_power(window[0], window[1], 5.0)
    assert current is not None
    volts = cell.advance(window, 0.8, 0.02, current, 10.0)[2]
    assert volts * current == pytest.approx(5.0, rel=1e-12)


def test_short_steps_are_the_textbook_solution() -> None:
    cell = Cell(SECTION)
    u, r = cell.ocv_v(0.55) - 0.01, SECTION.r0_ohm
    window = cell.window(0.55, 0.01, 25.0, 1e-4)
    current = current_for_power(window[0], window[1], 6.0)
    assert current == pytest.approx((u - sqrt(u * u - 4.0 * r * 6.0)) / (2.0 * r), rel=1e-5)


def test_a_power_beyond_the_cell_is_a_brown_out() -> None:
    most = 3.8**2 / (4.0 * 0.1)
    assert current_for_power(3.8, 0.1, most * 1.0001) is None
    at_most = current_for_power(3.8, 0.1, most * 0.999999)
    assert at_most is not None
    assert at_most == pytest.approx(3.8 / 0.2, rel=2e-3)


def test_resistance_rises_as_the_cell_cools() -> None:
    cell = Cell(SECTION)
    factors = [cell.resistance_factor(celsius) for celsius in (45.0, 25.0, 10.0, 0.0, -10.0)]
    assert factors == sorted(factors)
    assert factors[1] == 1.0
    assert 1.5 < factors[3] < 4.0


def test_the_capacity_does_not_depend_on_the_current() -> None:
    """No Peukert term: the same charge at a tenth of the current takes ten times as long, no more."""
    cell = Cell(SECTION)
    assert isclose(_carry(cell, 2.0, 1800.0, 900)[0], _carry(cell, 0.2, 18_000.0, 900)[0], abs_tol=1e-12)


def test_under_a_millivolt_against_thevenin_over_a_pulse_train() -> None:
    cell = Cell(SECTION)
    reference = thevenin.Prediction(
        {
            "num_RC_pairs": 1,
            "soc0": 0.9,
            "capacity": cell.charge_c / 3600.0,
            "ce": 1.0,
            "gamma": 0.0,
            "mass": 0.065,
            "isothermal": True,
            "Cp": 1000.0,
            "T_inf": 298.15,
            "h_therm": 10.0,
            "A_therm": 0.01,
            "ocv": lambda soc: cell.ocv_v(min(1.0, max(0.0, float(soc)))),
            "M_hyst": lambda soc: 0.0,
            "R0": lambda soc, kelvin: SECTION.r0_ohm,
            "R1": lambda soc, kelvin: SECTION.r1_ohm,
            "C1": lambda soc, kelvin: SECTION.tau_s / SECTION.r1_ohm,
        }
    )
    theirs = thevenin.TransientState(soc=0.9, T_cell=298.15, hyst=0.0, eta_j=[0.0])
    soc, v_rc, worst = 0.9, 0.0, 0.0
    for pulse in range(60):
        current, seconds = (2.5, 20.0) if pulse % 3 == 0 else (0.3, 40.0) if pulse % 3 == 1 else (-1.5, 10.0)
        theirs = reference.take_step(theirs, current, seconds)
        for _ in range(int(seconds)):
            soc, v_rc, *_ = cell.advance(cell.window(soc, v_rc, 25.0, 1.0), soc, v_rc, current, 1.0)
        ours_v = cell.ocv_v(soc) - v_rc - current * SECTION.r0_ohm
        worst = max(worst, abs(ours_v - float(theirs.voltage)))
    assert soc < 0.87
    assert worst < 1e-3
