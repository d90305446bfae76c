"""Temperatures of the phone: to read, and to change for a demonstration."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton

from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.energy.governor import HOT_SOC_C
from autoglm_desktop.energy.throttle import ThermalStatus
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import describe, label

from . import words
from .card import Card
from .figure import Figure, Shown
from .slider import LevelSlider

HOLD_LOW_C, HOLD_HIGH_C = 0, 100
AMBIENT_LOW_C, AMBIENT_HIGH_C = -20, 50
_LIMIT_C = round(HOT_SOC_C)
_UNIT = "°C"


class HeatCard(Card):
    """`hold_chosen` with °C or None to let go; `ambient_chosen` with °C."""

    hold_chosen = Signal(object)
    ambient_chosen = Signal(float)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look, spacing=8)
        self.soc, self.skin = Figure(look), Figure(look)
        self.hold = LevelSlider(look, HOLD_LOW_C, HOLD_HIGH_C, marks=(_LIMIT_C,), fill=_heat_color, live=False)
        self.ambient = LevelSlider(look, AMBIENT_LOW_C, AMBIENT_HIGH_C, fill=lambda theme, _: theme.muted)
        self._hold_name, self._ambient_name = label("secondary"), label("secondary")
        self.ambient_value, self.release = label("secondary"), QPushButton()
        self.release.setProperty("role", "small")
        self._lay_out()
        self.hold.chosen.connect(lambda celsius: self.hold_chosen.emit(float(celsius)))
        self.release.clicked.connect(lambda: self.hold_chosen.emit(None))
        self.ambient.chosen.connect(self._choose_ambient)
        self.settle()

    def retranslate(self) -> None:
        self._hold_name.setText(tr("Hold at"))
        self._ambient_name.setText(tr("Around"))
        self.release.setText(tr("Let go"))
        describe(self.release, tr("Let the SoC go"), tr("Stop holding the SoC: it cools or warms by itself again"))
        describe(self.hold, tr("SoC temperature to hold"), _hold_tip())
        describe(self.ambient, tr("Ambient temperature"))
        super().retranslate()

    def refresh(self, view: EnergyView) -> None:
        state, theme = view.snapshot.state, self.look.theme
        held = view.held_c is not None
        self.soc.show_value(_soc(state.junction_c, theme, held=held))
        self.skin.show_value(_skin(state.body_c, view.snapshot.status, theme))
        around = view.snapshot.conditions.ambient_c
        self.hold.show_level(view.held_c if view.held_c is not None else state.junction_c)
        self.ambient.show_level(around)
        self.release.setEnabled(held)
        _name(self.hold, tr("SoC temperature to hold: {celsius} °C", celsius=self.hold.value()), _hold_tip())
        tip = tr("The temperature around the phone: drag, or use the arrow keys")
        _name(self.ambient, tr("Ambient temperature: {celsius} °C", celsius=self.ambient.value()), tip)
        _text(self.ambient_value, f"{words.number(around)} {_UNIT}")

    def _lay_out(self) -> None:
        figures, rows = QGridLayout(), QGridLayout()
        for place, figure in enumerate((self.soc, self.skin)):
            figures.addWidget(figure, 0, place)
            figures.setColumnStretch(place, 1)
        rows.setHorizontalSpacing(8)
        rows.setVerticalSpacing(4)
        rows.setContentsMargins(3, 0, 0, 0)
        parts = ((self._hold_name, self.hold, self.release), (self._ambient_name, self.ambient, self.ambient_value))
        for row, (name, slider, end) in enumerate(parts):
            rows.addWidget(name, row, 0)
            rows.addWidget(slider, row, 1)
            rows.addWidget(end, row, 2, Qt.AlignmentFlag.AlignRight)
        rows.setColumnStretch(1, 1)
        self.column.addLayout(figures)
        self.column.addLayout(rows)

    def _choose_ambient(self, celsius: int) -> None:
        self.ambient_chosen.emit(float(celsius))


def status_color(status: ThermalStatus, theme: Theme) -> str | None:
    """The colour that repeats what the status word says."""
    if status is ThermalStatus.NONE:
        return None
    return theme.int4 if status is ThermalStatus.LIGHT else theme.hot


def _soc(celsius: float, theme: Theme, *, held: bool) -> Shown:
    over = celsius > HOT_SOC_C
    note = tr("over {limit}", limit=_LIMIT_C) if over else tr("limit {limit}", limit=_LIMIT_C)
    tip = tr("The processor. Above {limit} °C new answers are capped and cached answers are reused.", limit=_LIMIT_C)
    note = tr("held") if held and not over else f"{note}, {tr('held')}" if held else note
    value = words.number(celsius, 0 if abs(celsius) >= 10 else 1)
    return Shown(tr("SoC"), value, _UNIT, note, Provenance.SIMULATED, tip, theme.hot if over else None)


def _skin(celsius: float, status: ThermalStatus, theme: Theme) -> Shown:
    tip = tr("The surface that a hand feels. The word is Android's thermal status: NONE, LIGHT … SHUTDOWN.")
    return Shown(
        tr("Skin"),
        words.number(celsius, 1),
        _UNIT,
        status.word,
        Provenance.SIMULATED,
        tip,
        status_color(status, theme),
    )


def _hold_tip() -> str:
    return tr("Heat or cool the SoC and hold it there, to see what the governor does. The mark is its limit.")


def _heat_color(theme: Theme, celsius: int) -> str:
    return theme.hot if celsius > _LIMIT_C else theme.accent


def _name(slider: LevelSlider, name: str, tip: str) -> None:
    if slider.accessibleName() != name:
        describe(slider, name, tip)


def _text(shown: QLabel, text: str) -> None:
    if shown.text() != text:
        shown.setText(text)
