"""The energy panel: its cards from top to bottom, fed while it is seen, and what people do in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergyView, Source
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.state import LogLine
from autoglm_desktop.ui.style import DOCK_PX, Theme
from autoglm_desktop.ui.widgets.parts import describe, label, paint_icon, tool_button

from .battery_card import BatteryCard
from .card import Card
from .computer_card import ComputerCard
from .cost_card import CostCard
from .feed import Viewer
from .heat_card import HeatCard
from .log_card import LogCard
from .memory_card import MemoryCard
from .phone_choosers import PhoneChooser, SpeedChooser
from .plot_loader import PlotLoader
from .power_card import PowerCard
from .tier_card import TierCard

PLOT_EVERY_S = 0.19
"""At every second view: the bins of the plot are no finer."""
RIBBON_EVERY_S = 0.99


class EnergyPanel(Viewer):
    """Shows one energy service. `failed` carries an `ErrorReport`."""

    close_requested = Signal()
    load_requested = Signal(int)
    unload_requested = Signal(int)
    history_requested = Signal()
    failed = Signal(object)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("dock")
        self._service: EnergyService | None = None
        self._chosen: tuple[str, Source, float] | None = None
        self.views = 0
        """How many views were shown."""
        self._plotted_s = self._ribboned_s = float("-inf")
        self._title, self.close_button = label("heading"), tool_button()
        self.phone, self.speed = PhoneChooser(look), SpeedChooser(look)
        self.battery, self.tier, self.power = BatteryCard(look), TierCard(look), PowerCard(look)
        self.heat, self.cost, self.memory = HeatCard(look), CostCard(look), MemoryCard(look)
        self.computer, self.log = ComputerCard(look), LogCard(look)
        self.loader = PlotLoader(self)
        self.loader.loaded.connect(self.power.build_plot)
        self.loader.failed.connect(self.power.show_problem)
        self._lay_out()
        self._connect()
        self.settle()

    @property
    def cards(self) -> tuple[Card, ...]:
        """From top to bottom."""
        return (self.battery, self.tier, self.power, self.heat, self.cost, self.memory, self.computer, self.log)

    def follow(self, service: EnergyService) -> None:
        self._service, self._chosen = service, None
        super().follow(service)

    def leave(self) -> None:
        """Ask for nothing more, and let the import of the plot end."""
        super().leave()
        self.loader.close()

    def show_view(self, view: EnergyView) -> None:
        self.views += 1
        self._show_choosers(view)
        for part in self.cards:
            part.show_view(view)
        self._show_series()

    def show_events(self, lines: Sequence[LogLine]) -> None:
        """Events of the window for the log, newest first."""
        self.log.show_events(lines)

    def retranslate(self) -> None:
        self._title.setText(tr("Energy"))
        describe(self.close_button, tr("Hide the energy panel"), tr("Hide the energy panel (Ctrl+E)"))
        self.setAccessibleName(tr("Energy"))
        if self._chosen is not None and self._service is not None:
            self.phone.show_chosen(self._chosen[0], self._chosen[1], self._service.phones())

    def set_theme(self, theme: Theme) -> None:
        paint_icon(self.close_button, "x", theme)
        self.setFixedWidth(round(DOCK_PX * (1.0 + 0.55 * max(0.0, theme.scale - 1.0))))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self, self.loader.start)  # once the window is painted

    def _show_choosers(self, view: EnergyView) -> None:
        """Phone, source and speed, when one of them changed."""
        chosen = (view.phone_id, view.source, view.speed)
        if chosen == self._chosen or self._service is None:
            return
        if self._chosen is None or self._chosen[0] != view.phone_id:
            self.cost.show_phone(self._service.profile)
        self._chosen = chosen
        self.phone.show_chosen(view.phone_id, view.source, self._service.phones())
        self.speed.show_speed(view.speed)

    def _show_series(self) -> None:
        """Plot and ribbon, a few times a second; nothing before numpy came with the plot."""
        now_s = time.monotonic()
        if self._service is None or self.power.plot is None or now_s - self._plotted_s < PLOT_EVERY_S:
            return
        self._plotted_s = now_s
        if now_s - self._ribboned_s >= RIBBON_EVERY_S:
            self._ribboned_s = now_s
            self.tier.show_series(self._service.series())
        self.power.show_series(self._service.series(self.power.needs_s))

    def _do(self, command: Callable[[EnergyService], None]) -> None:
        """What a person chose, told to the service; an error is shown, not raised."""
        if self._service is None:
            return
        try:
            command(self._service)
        except AppError as error:
            self.failed.emit(error.report)

    def _connect(self) -> None:
        self.close_button.clicked.connect(self.close_requested)
        self.battery.level_chosen.connect(lambda level: self._do(lambda s: s.set_battery(level)))
        self.battery.plug_chosen.connect(lambda on: self._do(lambda s: s.set_plugged(on)))
        self.tier.policy_chosen.connect(lambda policy: self._do(lambda s: s.set_policy(policy)))
        self.tier.goal_chosen.connect(lambda goal: self._do(lambda s: s.set_goal(goal)))
        self.heat.hold_chosen.connect(lambda celsius: self._do(lambda s: s.set_temperature(celsius)))
        self.heat.ambient_chosen.connect(lambda celsius: self._do(lambda s: s.set_ambient(celsius)))
        self.phone.phone_chosen.connect(lambda phone_id: self._do(lambda s: s.set_phone(phone_id)))
        self.phone.source_chosen.connect(lambda source: self._do(lambda s: s.set_source(source)))
        self.speed.chosen.connect(lambda speed: self._do(lambda s: s.set_speed(speed)))
        self.memory.load_requested.connect(self.load_requested)
        self.memory.unload_requested.connect(self.unload_requested)
        self.cost.history_requested.connect(self.history_requested)

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 10, 4, 12)
        outer.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 8, 0)
        head.setSpacing(2)
        head.addWidget(self._title)
        head.addStretch()
        for part in (self.phone, self.speed, self.close_button):
            head.addWidget(part)
        outer.addLayout(head)
        body = QWidget()
        body.setObjectName("dockBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(8)
        for each in self.cards[:-1]:
            column.addWidget(each)
        column.addWidget(self.log, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        outer.addWidget(scroll, 1)
