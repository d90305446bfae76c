"""The parts of the model in memory: how large, loaded or not, and the buttons to change that."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QPushButton

from autoglm_desktop.assistant.energy_view import EnergyView, ModalityMemory
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Panel, describe

from .card import Card
from .figure import RIGHT, SMALL_PX, Figure, Shown


class MemoryCard(Card):
    """`load_requested` and `unload_requested` with the part's place in the list."""

    load_requested = Signal(int)
    unload_requested = Signal(int)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.rows: list[MemoryRow] = []
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(2)
        self.column.addLayout(self._grid)
        self.settle()

    def refresh(self, view: EnergyView) -> None:
        while len(self.rows) < len(view.memory):
            row = MemoryRow(self.look, len(self.rows))
            row.load_requested.connect(self.load_requested)
            row.unload_requested.connect(self.unload_requested)
            self.rows.append(row)
            row.add_to(self._grid)
        for row, part in zip(self.rows, view.memory, strict=False):
            row.show_part(part)


class MemoryRow(Panel):
    """One part: a figure and a button. It draws nothing itself."""

    load_requested = Signal(int)
    unload_requested = Signal(int)

    def __init__(self, look: Appearance, place: int) -> None:
        super().__init__(look)
        self._place = place
        self._part: ModalityMemory | None = None
        self.figure = Figure(look, px=SMALL_PX, inline=True, align=RIGHT)
        self.button = QPushButton()
        self.button.setProperty("role", "small")
        self.button.clicked.connect(self._clicked)
        self.hide()

    def add_to(self, grid: QGridLayout) -> None:
        """Put the pieces into the next row of `grid`."""
        row = grid.rowCount()
        grid.addWidget(self.figure, row, 0, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.button, row, 1, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(0, 1)
        self.setParent(grid.parentWidget())

    def show_part(self, part: ModalityMemory) -> None:
        """Its bytes and what can be done."""
        if part != self._part:
            self._part = part
            self.retranslate()

    def retranslate(self) -> None:
        part = self._part
        if part is None:
            return
        name, reason = str(part.name), str(part.reason)
        if part.loaded:
            value, unit = figures.size(part.bytes).split(" ")
            shown = Shown(name, value, unit, origin=Provenance.MEASURED, tip=reason)
        else:
            shown = Shown(name, "", note=tr("not loaded"), tip=reason)
        self.figure.show_value(shown)
        text, spoken = (
            (tr("Unload"), tr("Unload: {name}", name=name))
            if part.loaded
            else (tr("Load"), tr("Load: {name}", name=name))
        )
        self.button.setText(text)
        self.button.setEnabled(part.can_unload if part.loaded else part.can_load)
        describe(self.button, spoken, reason)

    def _clicked(self) -> None:
        if self._part is not None:
            (self.unload_requested if self._part.loaded else self.load_requested).emit(self._place)
