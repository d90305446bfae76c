"""This computer's sensors: what is there is measured, what is not says why."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.provenance import Provenance, Quantity
from autoglm_desktop.energy.telemetry import ThisComputer

NO_GPU = msg("There is no graphics card in this test.")


@dataclass
class Card:
    """A graphics card that is read like any other."""

    joules: float | None = 100.0
    watts: float | None = 30.0
    celsius: float | None = 55.0

    def temperature_c(self) -> float | None:
        return self.celsius

    def power_w(self) -> float | None:
        return self.watts

    def energy_j(self) -> float | None:
        return self.joules


def _zone(
    root: Path, name: str, micro_j: int, *, span: int = 262_143_328_850, limit_uw: int | None = 28_000_000
) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{micro_j}\n")
    (folder / "max_energy_range_uj").write_text(f"{span}\n")
    if limit_uw is not None:
        (folder / "constraint_0_power_limit_uw").write_text(f"{limit_uw}\n")
    return folder


def test_whatever_this_computer_has_it_is_labelled() -> None:
    reading = ThisComputer().read()
    for name in ("battery", "cpu_temp", "gpu_temp", "gpu_power", "package_energy", "cpu_time", "rss"):
        quantity: Quantity = getattr(reading, name)
        if quantity.value is None:
            assert quantity.provenance is None
            assert quantity.reason is not None
            assert str(quantity.reason)
        else:
            assert quantity.provenance is Provenance.MEASURED
    this = psutil.Process()
    resident = sum(process.memory_info().rss for process in (this, *this.children(recursive=True)))
    assert reading.rss.value == pytest.approx(resident, rel=0.2)


def test_absent_counters_say_so(tmp_path: Path) -> None:
    computer = ThisComputer(powercap=tmp_path / "nothing", gpu=NO_GPU)
    reading = computer.read()
    assert reading.package_energy.value is None
    assert reading.gpu_power.reason == NO_GPU
    joules = computer.joules_since(computer.mark())
    assert (joules.value, joules.provenance) == (None, None)
    assert joules.reason is not None


def test_packages_are_summed_and_their_parts_are_not(tmp_path: Path) -> None:
    _zone(tmp_path, "intel-rapl:0", 5_000_000)
    _zone(tmp_path, "intel-rapl:1", 7_000_000)
    _zone(tmp_path, "intel-rapl:0:0", 900_000_000)
    _zone(tmp_path, "intel-rapl-mmio:0", 900_000_000)
    computer = ThisComputer(powercap=tmp_path, gpu=NO_GPU)
    assert computer.read().package_energy == Quantity(12.0, "J", Provenance.MEASURED)
    mark = computer.mark()
    _zone(tmp_path, "intel-rapl:1", 9_500_000)
    assert computer.joules_since(mark) == Quantity(2.5, "J", Provenance.MEASURED)


def test_a_counter_that_started_again_is_counted_on(tmp_path: Path) -> None:
    _zone(tmp_path, "intel-rapl:0", 99_000_000, span=100_000_000)
    computer = ThisComputer(powercap=tmp_path, gpu=NO_GPU)
    mark = computer.mark()
    _zone(tmp_path, "intel-rapl:0", 4_000_000, span=100_000_000)
    joules = computer.joules_since(mark)
    assert joules.value == pytest.approx(5.0)


def test_the_graphics_card_counts_too(tmp_path: Path) -> None:
    _zone(tmp_path, "intel-rapl:0", 1_000_000)
    card = Card()
    computer = ThisComputer(powercap=tmp_path, gpu=card)
    assert computer.read().gpu_temp == Quantity(55.0, "°C", Provenance.MEASURED)
    mark = computer.mark()
    card.joules = 140.0
    _zone(tmp_path, "intel-rapl:0", 3_000_000)
    assert computer.joules_since(mark).value == pytest.approx(42.0)
    card.joules = card.watts = None
    assert computer.read().gpu_power.value is None
    assert computer.joules_since(mark).value == pytest.approx(2.0)


def test_the_whole_platform_contains_the_package_and_is_not_added_to_it(tmp_path: Path) -> None:
    """Laptops list it beside the package: its joules and its power limit would count twice."""
    (_zone(tmp_path, "intel-rapl:0", 5_000_000, limit_uw=28_000_000) / "name").write_text("package-0\n")
    (_zone(tmp_path, "intel-rapl:1", 9_000_000, limit_uw=121_000_000) / "name").write_text("psys\n")
    computer = ThisComputer(powercap=tmp_path, gpu=NO_GPU)
    assert computer.read().package_energy == Quantity(5.0, "J", Provenance.MEASURED)
    mark = computer.mark()
    for zone in ("intel-rapl:0", "intel-rapl:1"):
        (tmp_path / zone / "energy_uj").unlink()
    assert "28 W" in str(computer.joules_since(mark).reason)


def test_where_the_platform_alone_is_counted_it_is_better_than_nothing(tmp_path: Path) -> None:
    (_zone(tmp_path, "intel-rapl:1", 9_000_000) / "name").write_text("psys\n")
    assert ThisComputer(powercap=tmp_path, gpu=NO_GPU).read().package_energy.value == 9.0


def test_an_idle_graphics_card_does_not_pass_for_the_whole_answer(tmp_path: Path) -> None:
    """The package's counter is for root only, as it is by default: the sum is an estimate and says so."""
    zone = _zone(tmp_path, "intel-rapl:0", 1_000_000)
    (zone / "energy_uj").unlink()
    card = Card()
    computer = ThisComputer(powercap=tmp_path, gpu=card)
    mark = computer.mark()
    card.joules = 104.0
    busy = 0
    while computer.joules_since(mark).value == 4.0:
        busy += sum(range(10_000))
    joules = computer.joules_since(mark)
    assert joules.provenance is Provenance.ESTIMATED
    assert joules.value is not None
    assert joules.value > 4.0
    assert "The graphics card's 4.0 J were measured" in str(joules.reason)
    (zone / "constraint_0_power_limit_uw").unlink()
    alone = computer.joules_since(mark)
    assert (alone.value, alone.provenance) == (4.0, Provenance.MEASURED)
    assert "alone" in str(alone.reason)


@pytest.mark.skipif(os.name != "posix", reason="file permissions of POSIX")
def test_a_counter_for_root_only_says_how_to_grant_it_and_the_estimate_says_what_it_is() -> None:
    """A real unreadable counter: as root, the reading is done by a child that gave its rights up."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        (_zone(Path(folder), "intel-rapl:0", 1) / "energy_uj").chmod(0)
        absent, estimate = _read_without_rights(folder)
    assert "sudo chmod a+r" in absent
    assert estimate.startswith("estimated True Estimated from CPU time")
    assert "28 W" in estimate


def _read_without_rights(folder: str) -> list[str]:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from autoglm_desktop.core.i18n import msg\n"
        "from autoglm_desktop.energy.telemetry import ThisComputer\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "computer = ThisComputer(powercap=Path(sys.argv[1]), gpu=msg('none'))\n"
        "print(computer.read().package_energy.reason)\n"
        "mark = computer.mark()\n"
        "x = 0\n"
        "while computer.joules_since(mark).value == 0.0: x += sum(range(10000))\n"
        "joules = computer.joules_since(mark)\n"
        "print(joules.provenance, joules.value > 0, joules.reason)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_counter_that_vanishes_or_tells_nonsense_raises_nothing(tmp_path: Path) -> None:
    folder = _zone(tmp_path, "intel-rapl:0", 1_000_000, limit_uw=None)
    computer = ThisComputer(powercap=tmp_path, gpu=NO_GPU)
    mark = computer.mark()
    (folder / "energy_uj").write_text("what\n")
    assert computer.joules_since(mark).value is None
    (folder / "energy_uj").unlink()
    assert isinstance(computer.read().package_energy.reason, Text)
    assert computer.joules_since(mark).value is None


def test_a_process_that_ended_is_left_out() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    reading = ThisComputer((child.pid,)).read()
    assert reading.rss.value is not None
    assert reading.rss.value > 0.0
