"""Watts now, and the stacked plot of what they went to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import describe, label

from . import words
from .card import Card
from .chooser import Choice, Chooser, Group
from .components import Legend, component_name
from .figure import Figure, Shown

if TYPE_CHECKING:
    from autoglm_desktop.assistant.energy_view import EnergySeries

    from .plot import PowerPlot
    from .stack import Stack

SPANS_S = (60.0, 600.0)
_BINS = 150
_PLOT_PX = 92


class PowerCard(Card):
    """The plot appears with `build_plot`; until then its place is kept, so nothing moves."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look, spacing=4)
        self.power, self.span, self.legend = (
            Figure(look, inline=True),
            Chooser(look, msg("Length of the plot")),
            Legend(look),
        )
        self._from, self._now = label("caption"), label("caption")
        self._place = QWidget()
        self._place.setFixedHeight(_PLOT_PX)
        self._place_row = QHBoxLayout(self._place)
        self._place_row.setContentsMargins(0, 0, 0, 0)
        self.plot: PowerPlot | None = None
        self._span_s = SPANS_S[0]
        self._series: EnergySeries | None = None
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.power, 1, Qt.AlignmentFlag.AlignVCenter)
        top.addWidget(self.span)
        foot.addWidget(self._from)
        foot.addStretch(1)
        foot.addWidget(self._now)
        self.column.addLayout(top)
        self.column.addWidget(self._place)
        self.column.addLayout(foot)
        self.column.addWidget(self.legend)
        self.span.chosen.connect(self.show_span)
        self.settle()

    def refresh(self, view: EnergyView) -> None:
        flows = view.snapshot.flows
        if flows is None:
            note = tr("off") if view.snapshot.down else words.DASH
            shown = Shown(tr("Power"), "", note=note, tip=tr("The simulated phone did not move."))
        else:
            tip = tr("What the phone's parts draw now; out of the cell {watts} W.", watts=words.watts(flows.power_w))
            shown = Shown(tr("Power"), words.watts(flows.used_w), "W", "", Provenance.SIMULATED, tip)
        self.power.show_value(shown)

    def show_series(self, series: EnergySeries) -> None:
        """The last minutes; drawn once the plot is there."""
        self._series = series
        if self.plot is None:
            return
        from .stack import stack

        shown = stack(series, self._span_s, _BINS)
        self.plot.show_stack(shown)
        self.legend.show_names(shown.present)
        self._describe(shown)

    @property
    def needs_s(self) -> float:
        """How many seconds of the past the plot shows, with some to spare for its first bin."""
        return self._span_s * 1.1

    def show_span(self, span_s: float) -> None:
        """A minute or ten."""
        self._span_s = span_s
        self.retranslate()
        if self.plot is not None:
            self.plot.set_span(self._span_s)

    def build_plot(self) -> None:
        """Put the plot into its place: pyqtgraph is imported by now."""
        from .plot import PowerPlot

        if self.plot is None:
            self.plot = PowerPlot(self.look.theme, self.look.font, self._span_s)
            self._place_row.addWidget(self.plot)
            if self._series is not None:
                self.show_series(self._series)

    def show_problem(self, problem: str) -> None:
        """The plot cannot be drawn: say why in its place."""
        told = label("caption", tr("The plot cannot be drawn: {reason}", reason=problem), wrap=True)
        self._place_row.addWidget(told)

    def retranslate(self) -> None:
        names = {60.0: tr("1 min"), 600.0: tr("10 min")}
        choices = tuple(Choice(span, names[span]) for span in SPANS_S)
        self.span.show_choices(names[self._span_s], (Group("", choices, self._span_s),))
        self._from.setText(f"−{names[self._span_s]}")
        self._now.setText(tr("now"))
        super().retranslate()

    def set_theme(self, theme: Theme) -> None:
        if self.plot is not None:
            self.plot.set_theme(theme)

    def _describe(self, shown: Stack) -> None:
        """The plot in words, for those who cannot see it."""
        parts = ", ".join(component_name(name) for name in reversed(shown.present)) or words.DASH
        name = tr("Power over time: highest {watts} W; by {parts}", watts=words.watts(shown.peak_w), parts=parts)
        if self._place.accessibleName() != name:
            describe(self._place, name)
