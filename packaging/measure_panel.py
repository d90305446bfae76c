#!/usr/bin/env python3
"""What the energy panel costs while it shows ten views a second: ``measure_panel.py [--seconds 20] [--window 60|600]``.

Needs a display (Xvfb will do). The phone answers without a pause, ten minutes of history are there, and the log is
full. The CPU seconds of the GUI thread are divided by the seconds that passed: shown, and hidden for comparison. The
energy service's own thread is told apart.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.workload import Work
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.energy.panel import EnergyPanel
from autoglm_desktop.ui.garbage import collected_on_this_thread

LIMIT = 0.03
_HISTORY_S = 600.0


def wait(seconds: float) -> None:
    """Let Qt's loop run."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


class Clock:
    """Monotonic and Unix time that can be pushed ahead, to fill the history before the measurement."""

    def __init__(self) -> None:
        self.ahead_s = -_HISTORY_S

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s

    def wall(self) -> float:
        return time.time() + self.ahead_s


@contextmanager
def busy(service: EnergyService) -> Iterator[None]:
    """Give the phone work ten times a second, as an answer does that streams."""
    stop = threading.Event()

    def feed() -> None:
        while not stop.wait(0.1):
            service._desk.phone.work(Work(Tier.INT8, decoded_tok=2.0, prefilled_tok=3.0))

    thread = threading.Thread(target=feed, name="work")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def measure(seconds: float) -> tuple[float, float]:
    """Shares of one core that the GUI thread and the whole process took."""
    wall, gui, process = time.perf_counter(), time.thread_time(), time.process_time()
    wait(seconds)
    passed = time.perf_counter() - wall
    return (time.thread_time() - gui) / passed, (time.process_time() - process) / passed


def fill(service: EnergyService, clock: Clock) -> None:
    """Ten minutes of history at ten rows a second, with tier changes for ribbon and log."""
    for step in range(round(10 * _HISTORY_S)):
        clock.ahead_s = step / 10.0 - _HISTORY_S
        if step % 400 == 0:
            service.set_battery(0.8 if step % 800 == 0 else 0.2)
        service.beat()
    clock.ahead_s = 0.0


def main() -> int:
    """Prints the shares; ends with 1 when the panel costs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--window", type=float, default=60.0, choices=(60.0, 600.0))
    arguments = parser.parse_args()
    application = QApplication([])
    settings = Settings(language="en", theme="light")
    clock = Clock()
    service = EnergyService(settings=settings, clock=clock, wall=clock.wall)
    fill(service, clock)
    panel = EnergyPanel(Appearance(application, settings))
    panel.resize(panel.width(), 900)
    panel.follow(service)
    panel.show()
    service.start()
    while panel.cards.power.plot is None:
        wait(0.1)
    panel.cards.power.show_span(arguments.window)
    with busy(service), collected_on_this_thread():
        wait(2.0)
        shown = measure(arguments.seconds)
        views = panel.views
        panel.hide()
        wait(1.0)
        hidden = measure(arguments.seconds / 2)
        assert panel.views == views, "a hidden panel was shown a view"
    panel.leave()
    service.close()
    print(f"shown:  GUI thread {shown[0]:.2%} of a core, process {shown[1]:.2%}")
    print(f"hidden: GUI thread {hidden[0]:.2%} of a core, process {hidden[1]:.2%}")
    print(f"limit:  {LIMIT:.0%}")
    return 0 if shown[0] < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
