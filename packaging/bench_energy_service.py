"""What the energy service costs: CPU time of this process as a share of one core, and the time to its first decision.

    python packaging/bench_energy_service.py [--seconds 10]

Three states: nobody looks (one beat a second), a watcher once a second, and a watcher ten times a second that takes the
plot's arrays each time, at 1 and at 600 times real time. Exits with 1 when ten times a second costs 3 % or more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.settings import Settings

LIMIT_PERCENT = 3.0
_FIRST = (
    "import time; from autoglm_desktop.core.settings import Settings; import autoglm_desktop.store.store;"
    "a = time.perf_counter(); from autoglm_desktop.assistant.energy import EnergyService;"
    "EnergyService(settings=Settings()).decision; print(time.perf_counter() - a)"
)


def share(seconds: float) -> float:
    """Percent of one core that this process takes."""
    began_cpu_s, began_s = time.process_time(), time.perf_counter()
    time.sleep(seconds)
    return 100.0 * (time.process_time() - began_cpu_s) / (time.perf_counter() - began_s)


def measure(seconds: float, *, rate: str, speed: float = 1.0) -> float:
    """Percent of one core in a state: ``none``, ``slow`` or ``fast`` watching."""
    service = EnergyService(settings=Settings(phone_speed=speed))

    def look(_: EnergyView) -> None:
        if rate == "fast":
            service.series()

    service.start()
    try:
        if rate != "none":
            service.watch(look, fast=rate == "fast")
        time.sleep(1.5)  # imports and the first reading of the sensors are not the running cost
        return share(seconds)
    finally:
        service.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    starts = [
        float(subprocess.run([sys.executable, "-c", _FIRST], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    print(f"import, service and first decision: {1e3 * min(starts):.0f} ms (best of {len(starts)})")
    print(f"nobody looks: {measure(seconds, rate='none'):.2f} % of one core")
    print(f"watched once a second: {measure(seconds, rate='slow'):.2f} %")
    fast = measure(seconds, rate="fast")
    print(f"watched ten times a second, with the plot's arrays: {fast:.2f} %")
    print(f"the same at 600 times real time: {measure(seconds, rate='fast', speed=600.0):.2f} %")
    return 0 if fast < LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
