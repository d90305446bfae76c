"""What this computer can tell about itself. What is absent says why and how to change it; it is never zero.

Sources: battery and temperatures by psutil (temperatures on Linux and FreeBSD only), package energy by Linux' powercap
counters (RAPL; root-only since CVE-2020-8694), GPUs by NVML, CPU time and resident memory of this application's
processes.

Readings are quick (a few ms at most) and raise nothing: sensors come and go. Call from any one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.provenance import Provenance, Quantity

POWERCAP = Path("/sys/class/powercap")
_PLATFORM = "psys"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One reading. Units are in the quantities: battery 0 to 1, °C, W, s, bytes; `charging` None where unknown."""

    battery: Quantity
    charging: bool | None
    cpu_temp: Quantity
    gpu_temp: Quantity
    gpu_power: Quantity
    package_energy: Quantity
    """A counter since some moment in the past, in J: only differences mean something."""
    cpu_time: Quantity
    rss: Quantity


def not_read_yet() -> Telemetry:
    """What stands in for the first reading."""
    wait = msg("The sensors have not been read yet.")
    units = ("", "°C", "°C", "W", "J", "s", "bytes")
    battery, cpu_temp, gpu_temp, gpu_power, package, cpu_time, rss = (Quantity.absent(unit, wait) for unit in units)
    return Telemetry(battery, None, cpu_temp, gpu_temp, gpu_power, package, cpu_time, rss)


@dataclass(frozen=True, slots=True)
class Mark:
    """Counters at the start of an answer; made by `ThisComputer.mark`."""

    package_j: tuple[tuple[str, float, float], ...]
    """Zone, joules, range in J after which it starts again."""
    gpu_j: float | None
    cpu_s: float


class Gpu(Protocol):
    """The part of NVML in use: the readings of all devices together, None where a device does not tell."""

    def temperature_c(self) -> float | None: ...
    def power_w(self) -> float | None: ...
    def energy_j(self) -> float | None: ...


class ThisComputer:
    """Reads the sensors of this computer. CPU time and memory count this process, its descendants, and `pids`."""

    def __init__(self, pids: Sequence[int] = (), *, powercap: Path = POWERCAP, gpu: Gpu | Text | None = None) -> None:
        """Opens nothing yet: NVML is looked for at the first reading, which takes some 50 ms then."""
        self._extra_pids = tuple(pids)
        self._powercap = powercap
        self._opened_gpu = gpu

    @property
    def _gpu(self) -> Gpu | Text:
        if self._opened_gpu is None:
            self._opened_gpu = open_nvml()
        return self._opened_gpu

    def read(self) -> Telemetry:
        """One reading of everything."""
        battery, charging = _battery()
        energy = self._package()
        return Telemetry(
            battery=battery,
            charging=charging,
            cpu_temp=_cpu_temperature(),
            gpu_temp=self._gpu_quantity("temperature_c", "°C"),
            gpu_power=self._gpu_quantity("power_w", "W"),
            package_energy=energy,
            cpu_time=Quantity.measured(self._cpu_s(), "s"),
            rss=Quantity.measured(self._rss_bytes(), "bytes"),
        )

    def mark(self) -> Mark:
        """Counters now, for `joules_since`."""
        zones = self._zones()
        gpu = None if isinstance(self._gpu, Text) else self._gpu.energy_j()
        return Mark(zones if isinstance(zones, tuple) else (), gpu, self._cpu_s())

    def joules_since(self, mark: Mark) -> Quantity:
        """Energy since `mark`: measured by counters (processor packages, GPUs), else estimated, else absent.

        The estimate is CPU time of the application's processes times the package's power limit per logical processor,
        which Linux tells to everyone; a sum that it is part of is an estimate. Where nothing is known of the processor,
        the graphics card's joules say that they are its alone. Counters include what other programs used.
        """
        now = self.mark()
        before = {name: joules for name, joules, _ in mark.package_j}
        moved = [(j - before[name]) % span for name, j, span in now.package_j if name in before and span > 0.0]
        both_known = now.gpu_j is not None and mark.gpu_j is not None and now.gpu_j >= mark.gpu_j
        gpu_j = (now.gpu_j or 0.0) - (mark.gpu_j or 0.0) if both_known else None
        if moved:
            return Quantity.measured(sum(moved) + (gpu_j or 0.0), "J")
        return self._without_package(now.cpu_s - mark.cpu_s, gpu_j)

    def _without_package(self, cpu_s: float, gpu_j: float | None) -> Quantity:
        limit_w = self._package_limit_w()
        if limit_w is not None and cpu_s >= 0.0:
            joules = cpu_s * limit_w / (psutil.cpu_count() or 1)
            reason = (
                msg("Estimated from CPU time and the processor's power limit of {watts:.0f} W.", watts=limit_w)
                if gpu_j is None
                else msg(
                    "The graphics card's {joules:.1f} J were measured; the processor's are estimated from CPU time and "
                    "its power limit of {watts:.0f} W.",
                    joules=gpu_j,
                    watts=limit_w,
                )
            )
            return Quantity(joules + (gpu_j or 0.0), "J", Provenance.ESTIMATED, reason)
        if gpu_j is not None:
            alone = msg("Of the graphics card alone: this system does not tell what the processor used.")
            return Quantity(gpu_j, "J", Provenance.MEASURED, alone)
        return Quantity.absent("J", self._package().reason or msg("This computer has no energy counter."))

    def _gpu_quantity(self, what: str, unit: str) -> Quantity:
        if isinstance(self._gpu, Text):
            return Quantity.absent(unit, self._gpu)
        value: float | None = getattr(self._gpu, what)()
        if value is None:
            return Quantity.absent(unit, msg("The graphics card does not tell."))
        return Quantity.measured(value, unit)

    def _package(self) -> Quantity:
        zones = self._zones()
        if isinstance(zones, Text):
            return Quantity.absent("J", zones)
        return Quantity.measured(sum(joules for _, joules, _ in zones), "J")

    def _zones(self) -> tuple[tuple[str, float, float], ...] | Text:
        """Counters of the packages, or why there are none. Sub-zones (cores, memory) are parts of a package."""
        folders = self._package_folders()
        if not folders:
            return msg("This system has no package energy counter (Linux powercap, Intel or AMD).")
        found = []
        for folder in folders:
            try:
                joules = int((folder / "energy_uj").read_text()) / 1e6
                span = int((folder / "max_energy_range_uj").read_text()) / 1e6
            except PermissionError:
                return msg(
                    "Only root may read the package energy counter. To allow it: sudo chmod a+r {path}",
                    path=str(folder / "energy_uj"),
                )
            except (OSError, ValueError):
                continue
            found.append((folder.name, joules, span))
        return tuple(found) or msg("The package energy counter cannot be read.")

    def _package_folders(self) -> list[Path]:
        """Zones of processor packages. The whole platform (psys) contains them and counts only where there are none."""
        try:
            zones = sorted(p for p in self._powercap.iterdir() if p.name.count(":") == 1 and "mmio" not in p.name)
        except OSError:
            return []
        return [zone for zone in zones if _zone_name(zone) != _PLATFORM] or zones

    def _package_limit_w(self) -> float | None:
        limits = []
        for folder in self._package_folders():
            try:
                limits.append(int((folder / "constraint_0_power_limit_uw").read_text()) / 1e6)
            except (OSError, ValueError):
                continue
        return sum(limits) if limits and sum(limits) > 0.0 else None

    def _cpu_s(self) -> float:
        total = 0.0
        for process in self._processes():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
        return total

    def _rss_bytes(self) -> float:
        total = 0
        for process in self._processes():
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue
        return float(total)

    def _processes(self) -> list[psutil.Process]:
        """This process, those that it started (the engine comes and goes), and the extra ones that live."""
        this = psutil.Process()
        try:
            found = {process.pid: process for process in (this, *this.children(recursive=True))}
        except psutil.Error:
            found = {this.pid: this}
        for pid in self._extra_pids:
            try:
                found.setdefault(pid, psutil.Process(pid))
            except psutil.Error:
                continue
        return list(found.values())


def _zone_name(zone: Path) -> str:
    """``package-0`` or ``psys``; empty where the zone does not tell."""
    try:
        return (zone / "name").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


class Nvml:
    """NVIDIA's management library over all its devices. Sums power and energy, takes the hottest."""

    def __init__(self) -> None:
        """Raises pynvml.NVMLError where there is no driver or no device."""
        import pynvml

        self._nvml = pynvml
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        self._devices = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]

    def temperature_c(self) -> float | None:
        sensor = self._nvml.NVML_TEMPERATURE_GPU
        found = self._ask(lambda d: float(self._nvml.nvmlDeviceGetTemperature(d, sensor)))
        return max(found) if found else None

    def power_w(self) -> float | None:
        found = self._ask(lambda d: self._nvml.nvmlDeviceGetPowerUsage(d) / 1e3)
        return sum(found) if found else None

    def energy_j(self) -> float | None:
        found = self._ask(lambda d: self._nvml.nvmlDeviceGetTotalEnergyConsumption(d) / 1e3)
        return sum(found) if found else None

    def _ask(self, question: _Question) -> list[float]:
        answers = []
        for device in self._devices:
            try:
                answers.append(question(device))
            except self._nvml.NVMLError:
                continue
        return answers


class _Question(Protocol):
    def __call__(self, device: object, /) -> float: ...


def open_nvml() -> Gpu | Text:
    """NVML, or why there is none."""
    try:
        import pynvml
    except ImportError:
        return msg("NVIDIA's management library is not installed.")
    try:
        return Nvml()
    except pynvml.NVMLError as error:
        return msg("There is no NVIDIA graphics card or driver ({reason}).", reason=str(error))


def _battery() -> tuple[Quantity, bool | None]:
    try:
        found = psutil.sensors_battery()
    except (OSError, ValueError, RuntimeError, AttributeError) as error:
        return Quantity.absent("", msg("The battery cannot be read ({reason}).", reason=str(error))), None
    if found is None:
        return Quantity.absent("", msg("This computer has no battery.")), None
    return Quantity.measured(min(1.0, max(0.0, found.percent / 100.0)), ""), found.power_plugged


def _cpu_temperature() -> Quantity:
    """The hottest processor sensor; where no sensor is known as one, the hottest of all."""
    if not hasattr(psutil, "sensors_temperatures"):
        return Quantity.absent("°C", msg("Temperatures can be read on Linux and FreeBSD only."))
    try:
        groups = psutil.sensors_temperatures()
    except (OSError, ValueError, RuntimeError) as error:
        return Quantity.absent("°C", msg("Temperatures cannot be read ({reason}).", reason=str(error)))
    known = [groups[name] for name in ("coretemp", "k10temp", "zenpower", "cpu_thermal") if name in groups]
    readings = [entry.current for group in known or groups.values() for entry in group]
    if not readings:
        return Quantity.absent("°C", msg("This computer shows no temperature sensor."))
    return Quantity.measured(max(readings), "°C")
