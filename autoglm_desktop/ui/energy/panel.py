"""The energy panel: its head at once, its cards after the first paint, views only while it is seen.

The window has one second to appear, and the cards are most of it: they are imported and built when they are first
asked for, which is at the latest once the panel was painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergyView, Source
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.state import LogLine
from autoglm_desktop.ui.style import DOCK_PX, Theme
from autoglm_desktop.ui.widgets.parts import describe, label, paint_icon, tool_button

from .feed import Viewer
from .phone_choosers import PhoneChooser, SpeedChooser

if TYPE_CHECKING:
    from .cards import Command, EnergyCards

LANGUAGE_MODEL, CONVERSATIONS = 0, 1
MODALITIES = {2: Modality.VISION, 3: Modality.SPEECH}
"""Places in `EnergyView.memory` of what can be loaded or given back."""


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
        self._cards: EnergyCards | None = None
        self._chosen: tuple[str, Source, float] | None = None
        self._events: tuple[LogLine, ...] = ()
        self.views = 0
        """How many views were shown."""
        self._title, self.close_button = label("heading"), tool_button()
        self.phone, self.speed = PhoneChooser(look), SpeedChooser(look)
        self._lay_out()
        self.close_button.clicked.connect(self.close_requested)
        self.phone.phone_chosen.connect(lambda phone_id: self._do(lambda s: s.set_phone(phone_id)))
        self.phone.source_chosen.connect(lambda source: self._do(lambda s: s.set_source(source)))
        self.speed.chosen.connect(lambda speed: self._do(lambda s: s.set_speed(speed)))
        self.settle()

    @property
    def cards(self) -> EnergyCards:
        """Everything below the head."""
        if self._cards is None:
            from .cards import EnergyCards

            self._cards = EnergyCards(self.look, self)
            self._cards.commanded.connect(self._do)
            self._cards.load_requested.connect(self.load_requested)
            self._cards.unload_requested.connect(self.unload_requested)
            self._cards.history_requested.connect(self.history_requested)
            self._cards.show_events(self._events)
            self._column.replaceWidget(self._place, self._cards)
            self._place.deleteLater()
            self._cards.show()
            self._column.activate()
        return self._cards

    def follow(self, service: EnergyService) -> None:
        self._service, self._chosen = service, None
        super().follow(service)

    def leave(self) -> None:
        """Ask for nothing more, and let the import of the plot end."""
        super().leave()
        if self._cards is not None:
            self._cards.loader.close()

    def show_view(self, view: EnergyView) -> None:
        if self._service is not None:
            self.views += 1
            self._show_choosers(view, self._service)
            self.cards.show_view(view, self._service)

    def show_events(self, lines: Sequence[LogLine]) -> None:
        """Events of the window for the log, newest first."""
        self._events = tuple(lines)
        if self._cards is not None:
            self._cards.show_events(self._events)

    def retranslate(self) -> None:
        self._title.setText(tr("Energy"))
        describe(self.close_button, tr("Hide the energy panel"), tr("Hide the energy panel (Ctrl+E)"))
        self.setAccessibleName(tr("Energy"))
        if self._chosen is not None and self._service is not None:
            self.phone.show_chosen(self._chosen[0], self._chosen[1], self._service.phones())

    def set_theme(self, theme: Theme) -> None:
        paint_icon(self.close_button, "x", theme)
        self.setFixedWidth(round(DOCK_PX * (1.0 + 0.55 * max(0.0, theme.scale - 1.0))))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        QTimer.singleShot(0, self, self._settle_in)

    def _settle_in(self) -> None:
        """What can wait until the window was painted."""
        if self._service is not None:
            self.cards.loader.start()

    def _show_choosers(self, view: EnergyView, service: EnergyService) -> None:
        """Phone, source and speed, when one of them changed."""
        chosen = (view.phone_id, view.source, view.speed)
        if chosen == self._chosen:
            return
        if self._chosen is None or self._chosen[0] != view.phone_id:
            self.cards.show_phone(service.profile)
        self._chosen = chosen
        self.phone.show_chosen(view.phone_id, view.source, service.phones())
        self.speed.show_speed(view.speed)

    def _do(self, command: Command) -> None:
        """What a person chose, told to the service; an error is shown, not raised."""
        if self._service is None:
            return
        try:
            command(self._service)
        except AppError as error:
            self.failed.emit(error.report)

    def _lay_out(self) -> None:
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 10, 4, 12)
        self._column.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 8, 0)
        head.setSpacing(2)
        head.addWidget(self._title)
        head.addStretch()
        for part in (self.phone, self.speed, self.close_button):
            head.addWidget(part)
        self._column.addLayout(head)
        self._place = QWidget()
        self._column.addWidget(self._place, 1)
