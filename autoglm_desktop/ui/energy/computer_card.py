"""What this computer tells about itself; what it does not tell stands there with the reason."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.provenance import Quantity
from autoglm_desktop.energy.telemetry import Telemetry
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import describe, label

from . import words
from .card import Card, said
from .figure import SMALL_PX, Figure, Shown


class ComputerCard(Card):
    """Battery, temperatures, power and memory: figures of what there is, sentences of why the rest is not."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._seen: Telemetry | None = None
        self._title, self.reasons = label("secondary"), label("caption", wrap=True)
        self.figures = [Figure(look, px=SMALL_PX) for _ in range(6)]
        for figure in self.figures:
            figure.setParent(self)
            figure.hide()
        self._placed: list[Figure] = []
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(4)
        for place in (0, 1):
            self._grid.setColumnStretch(place, 1)
        self.column.addWidget(self._title)
        self.column.addLayout(self._grid)
        self.column.addWidget(self.reasons)
        self.settle()

    def retranslate(self) -> None:
        self._title.setText(tr("This computer"))
        self._seen = None
        super().retranslate()

    def refresh(self, view: EnergyView) -> None:
        if view.computer is self._seen:
            return
        self._seen = view.computer
        shown = _quantities(view.computer)
        for (name, quantity, value, note), figure in zip(shown, self.figures, strict=True):
            figure.show_value(_shown(name, quantity, value, note))
        self._place(
            [figure for (_, quantity, _, _), figure in zip(shown, self.figures, strict=True) if _is_there(quantity)]
        )
        text = "\n".join(_reasons(shown))
        if text != self.reasons.text():
            self.reasons.setText(text)
            self.reasons.setVisible(bool(text))
            describe(self.reasons, text)

    def _place(self, present: list[Figure]) -> None:
        """Two in a row, those alone that have a value."""
        if present == self._placed:
            return
        self._placed = present
        for figure in self.figures:
            self._grid.removeWidget(figure)
            figure.hide()
        for number, figure in enumerate(present):
            self._grid.addWidget(figure, number // 2, number % 2)
            figure.show()


_Row = tuple[str, Quantity, str, str]


def _quantities(computer: Telemetry) -> list[_Row]:
    """Name, quantity, the value in words, and a note."""
    plugged = {True: tr("plugged in"), False: "", None: ""}[computer.charging]
    battery = f"{words.percent(computer.battery.value)} %"
    rss = computer.rss.value
    return [
        (tr("Battery"), computer.battery, battery, plugged),
        (tr("Processor"), computer.cpu_temp, f"{words.number(computer.cpu_temp.value)} °C", ""),
        (tr("Graphics card"), computer.gpu_temp, f"{words.number(computer.gpu_temp.value)} °C", ""),
        (tr("Graphics power"), computer.gpu_power, f"{words.watts(computer.gpu_power.value)} W", ""),
        (tr("Energy counter"), computer.package_energy, words.joules(computer.package_energy.value), ""),
        (tr("Memory held"), computer.rss, figures.size(int(rss)) if rss is not None else "", ""),
    ]


def _shown(name: str, quantity: Quantity, value: str, note: str) -> Shown:
    if quantity.value is None:
        return Shown(name, "", note=tr("not available"), tip=said(quantity.reason))
    return Shown(name, value, "", note, quantity.provenance, said(quantity.reason))


def _is_there(quantity: Quantity) -> bool:
    return quantity.value is not None


def _reasons(rows: list[_Row]) -> list[str]:
    """Why something is absent: names that share a reason share a line."""
    named: dict[str, list[str]] = {}
    for name, quantity, _, _ in rows:
        if quantity.value is None:
            named.setdefault(said(quantity.reason), []).append(name)
    return [
        tr("{names} not available: {reason}", names=", ".join(names), reason=why) for why, names in named.items() if why
    ]
