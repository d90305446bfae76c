"""The energy panel alone over a real energy service on a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.telemetry import ThisComputer
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.energy.chooser import Chooser
from autoglm_desktop.ui.energy.panel import EnergyPanel
from autoglm_desktop.ui.energy.slider import LevelSlider
from tests.helpers.windows import ENGLISH, Clock


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel that is visible, and what it shows."""

    panel: EnergyPanel
    service: EnergyService
    look: Appearance
    clock: Clock

    def pass_time(self, seconds: float, *, step_s: float = 0.1) -> None:
        """Let the phone's clock run on, with a beat at every step; the panel has shown the last view."""
        for _ in range(round(seconds / step_s)):
            self.clock.now_s += step_s
            self.service.beat()
        self.deliver()

    def deliver(self) -> None:
        """Let what was posted from other threads arrive."""
        for _ in range(3):  # what a view changes may need another round of layout
            QApplication.processEvents()

    def view(self) -> EnergyView:
        return self.service.view()


@contextmanager
def shown_panel(qapp: QApplication, settings: Settings = ENGLISH, *, height: int = 1600) -> Iterator[Shown]:
    """A panel in a window of its own that has shown its first view."""
    clock = Clock()
    service = EnergyService(settings=settings, computer=ThisComputer(gpu=msg("No card.")), clock=clock, wall=clock.wall)
    look = Appearance(qapp, settings)
    panel = EnergyPanel(look)
    shown = Shown(panel, service, look, clock)
    panel.follow(service)
    panel.resize(panel.width(), height)
    panel.show()
    QTest.qWaitForWindowExposed(panel)
    shown.pass_time(0.2)
    try:
        yield shown
    finally:
        panel.leave()
        service.close()
        panel.close()
        panel.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def drag(slider: LevelSlider, to: int) -> None:
    """Take the handle with the mouse, move it in steps to the value `to`, and let go."""
    middle = slider.sizeHint().height() // 4
    start, end = (round(slider.x_of(value)) for value in (slider.value(), to))
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(start, middle))
    for part in range(1, 11):
        QTest.mouseMove(slider, QPoint(start + (end - start) * part // 10, middle))
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(end, middle))


def choose(chooser: Chooser, text: str) -> None:
    """Trigger the entry of the chooser's menu that is called `text`."""
    next(action for action in chooser.make_menu().actions() if action.text() == text).trigger()
