"""The panel in one line, in the status bar while the panel is hidden."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.energy.phone import Down
from autoglm_desktop.energy.throttle import ThermalStatus
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import describe

from . import words
from .feed import Viewer


class EnergyLine(Viewer):
    """Battery, tier, watts, temperatures and time left; `clicked` asks for the whole panel."""

    fast = False
    clicked = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._view: EnergyView | None = None
        self.button = QPushButton()
        self.button.setProperty("role", "line")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        row.addStretch(1)
        self.button.clicked.connect(self.clicked)
        self.settle()

    def text(self) -> str:
        """What it shows."""
        return self.button.text()

    def show_view(self, view: EnergyView) -> None:
        self._view = view
        self.retranslate()

    def retranslate(self) -> None:
        text = one_line(self._view) if self._view is not None else tr("Energy")
        if text != self.button.text():
            self.button.setText(text)
            reason = str(self._view.decision.reasons[0]) if self._view and self._view.decision.reasons else ""
            describe(self.button, tr("Energy: {line}", line=text), f"{reason}\n{_tip()}".strip())


def one_line(view: EnergyView) -> str:
    """``INT8 · 62 % · 3.2 W · SoC 41 °C · LIGHT · 2 h 41 min · simulated``."""
    snapshot = view.snapshot
    state = snapshot.state
    parts = [view.decision.tier.label, f"{words.percent(state.soc)} %"]
    if snapshot.down is not Down.ON:
        parts.append(tr("off"))
    elif snapshot.flows is not None:
        parts.append(tr("{watts} W", watts=words.watts(snapshot.flows.used_w)))
    parts.append(tr("SoC {celsius} °C", celsius=words.number(state.junction_c)))
    parts.append(tr("skin {celsius} °C", celsius=words.number(state.body_c, 1)))
    if snapshot.status is not ThermalStatus.NONE:
        parts.append(snapshot.status.word)
    if snapshot.conditions.plugged:
        parts.append(tr("Plugged in"))
    elif snapshot.time_to_empty_s is not None:
        parts.append(words.span(snapshot.time_to_empty_s))
    return " · ".join((*parts, words.provenance(Provenance.SIMULATED)))


def _tip() -> str:
    return tr("Show the energy panel (Ctrl+E)")
