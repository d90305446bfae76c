"""The cards of the panel from top to bottom, and what people do in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.state import LogLine

from .battery_card import BatteryCard
from .card import Card
from .computer_card import ComputerCard
from .cost_card import CostCard
from .heat_card import HeatCard
from .log_card import LogCard
from .memory_card import MemoryCard
from .plot_loader import PlotLoader
from .power_card import PowerCard
from .tier_card import TierCard

PLOT_EVERY_S = 0.19
"""At every second view: the bins of the plot are no finer."""
RIBBON_EVERY_S = 0.99

Command = Callable[[EnergyService], None]


class EnergyCards(QScrollArea):
    """`commanded` carries what a person chose, to be told to the service."""

    commanded = Signal(object)
    load_requested = Signal(int)
    unload_requested = Signal(int)
    history_requested = Signal()

    def __init__(self, look: Appearance, parent: QWidget) -> None:
        super().__init__(parent)
        self._plotted_s = self._ribboned_s = float("-inf")
        self.battery, self.tier, self.power = BatteryCard(look), TierCard(look), PowerCard(look)
        self.heat, self.cost, self.memory = HeatCard(look), CostCard(look), MemoryCard(look)
        self.computer, self.log = ComputerCard(look), LogCard(look)
        self.loader = PlotLoader(self)
        self.loader.loaded.connect(self.power.build_plot)
        self.loader.failed.connect(self.power.show_problem)
        self._lay_out()
        self._connect()

    @property
    def all(self) -> tuple[Card, ...]:
        """From top to bottom."""
        return (self.battery, self.tier, self.power, self.heat, self.cost, self.memory, self.computer, self.log)

    def show_view(self, view: EnergyView, service: EnergyService) -> None:
        """Show what changed; plot and ribbon a few times a second, once numpy came with the plot."""
        for part in self.all:
            part.show_view(view)
        now_s = time.monotonic()
        if self.power.plot is None or now_s - self._plotted_s < PLOT_EVERY_S:
            return
        self._plotted_s = now_s
        if now_s - self._ribboned_s >= RIBBON_EVERY_S:
            self._ribboned_s = now_s
            self.tier.show_series(service.series())
        self.power.show_series(service.series(self.power.needs_s))

    def show_phone(self, profile: Profile) -> None:
        """Another phone is simulated."""
        self.cost.show_phone(profile)

    def show_events(self, lines: Sequence[LogLine]) -> None:
        """Events of the window for the log, newest first."""
        self.log.show_events(lines)

    def _connect(self) -> None:
        self.battery.level_chosen.connect(lambda level: self._command(lambda s: s.set_battery(level)))
        self.battery.plug_chosen.connect(lambda on: self._command(lambda s: s.set_plugged(on)))
        self.tier.policy_chosen.connect(lambda policy: self._command(lambda s: s.set_policy(policy)))
        self.tier.goal_chosen.connect(lambda goal: self._command(lambda s: s.set_goal(goal)))
        self.heat.hold_chosen.connect(lambda celsius: self._command(lambda s: s.set_temperature(celsius)))
        self.heat.ambient_chosen.connect(lambda celsius: self._command(lambda s: s.set_ambient(celsius)))
        self.memory.load_requested.connect(self.load_requested)
        self.memory.unload_requested.connect(self.unload_requested)
        self.cost.history_requested.connect(self.history_requested)

    def _command(self, command: Command) -> None:
        self.commanded.emit(command)

    def _lay_out(self) -> None:
        body = QWidget()
        body.setObjectName("dockBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(8)
        for part in self.all[:-1]:
            column.addWidget(part)
        column.addWidget(self.log, 1)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(body)
