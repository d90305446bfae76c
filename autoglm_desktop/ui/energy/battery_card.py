"""The battery: its level to read and to set, how fast it drains, the plug."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton

from autoglm_desktop.assistant.energy_log import down_words
from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.energy.phone import Charging, Down
from autoglm_desktop.energy.policies import FP16_ABOVE, INT8_ABOVE, guide_tier
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import icon
from autoglm_desktop.ui.style import Theme, tier_color
from autoglm_desktop.ui.widgets.parts import describe, label

from . import words
from .card import Card
from .figure import RIGHT, SMALL_PX, Figure, Shown
from .slider import LevelSlider, Word

_BIG_PX = 30
_LOW, _HIGH = round(100 * INT8_ABOVE), round(100 * FP16_ABOVE)


class BatteryCard(Card):
    """`level_chosen` with 0 to 1, `plug_chosen` with whether the charger is in."""

    level_chosen = Signal(float)
    plug_chosen = Signal(bool)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look, spacing=4)
        self.level, self.left = Figure(look, px=_BIG_PX), Figure(look, align=RIGHT)
        self.slider = LevelSlider(look, 0, 100, marks=(_LOW, _HIGH), fill=_level_color)
        self.drain, self.plug = Figure(look, px=SMALL_PX, inline=True, named=False), QToolButton()
        self.told = label("caption", wrap=True)
        self.told.hide()
        self.plug.setCheckable(True)
        self.plug.setProperty("role", "chooser")
        self.plug.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.plug.setIconSize(QSize(16, 16))
        self.plug.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.plug.setCursor(Qt.CursorShape.PointingHandCursor)
        top, foot = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.level, 2)
        top.addWidget(self.left, 3, Qt.AlignmentFlag.AlignBottom)
        foot.addWidget(self.drain, 1, Qt.AlignmentFlag.AlignVCenter)
        foot.addWidget(self.plug)
        self.column.addLayout(top)
        self.column.addWidget(self.slider)
        self.column.addLayout(foot)
        self.column.addWidget(self.told)
        self.slider.chosen.connect(self._chosen)
        self.plug.clicked.connect(self.plug_chosen)
        self.settle()

    def retranslate(self) -> None:
        marks = ((_LOW / 2, Tier.INT4), ((_LOW + _HIGH) / 2, Tier.INT8), ((_HIGH + 100) / 2, Tier.FP16))
        zones = [Word(at, tier.label) for at, tier in marks]
        describe(self.slider, tr("Battery of the simulated phone"))
        self.plug.setText("")
        describe(self.plug, tr("Charger"))
        self.slider.set_words([*zones, Word(_LOW, str(_LOW)), Word(_HIGH, str(_HIGH))])
        super().retranslate()

    def set_theme(self, theme: Theme) -> None:
        self._paint_plug(theme)

    def refresh(self, view: EnergyView) -> None:
        state, plugged = view.snapshot.state, view.snapshot.conditions.plugged
        shown = words.percent(state.soc)
        self.level.show_value(Shown(tr("Battery"), shown, "%", _down(view), color=self.look.theme.hot))
        self.left.show_value(_time_left(view))
        self.slider.show_level(100.0 * state.soc)
        name = tr("Battery of the simulated phone: {percent} %", percent=self.slider.value())
        if self.slider.accessibleName() != name:
            tip = tr("Set the battery: drag, or use the arrow keys. Above 70 % FP16, above 30 % INT8, else INT4.")
            describe(self.slider, name, tip)
        self.drain.show_value(_drain(view))
        told = _told(view)
        if self.told.text() != told:
            self.told.setText(told)
            self.told.setVisible(bool(told))
            describe(self.told, told)
        self._show_plug(plugged=plugged)

    def _show_plug(self, *, plugged: bool) -> None:
        text = tr("Plugged in") if plugged else tr("Not plugged in")
        if text != self.plug.text() or plugged != self.plug.isChecked():
            self.plug.setChecked(plugged)
            self.plug.setText(text)
            describe(self.plug, text, tr("Plug the simulated phone's charger in or out"))
            self._paint_plug(self.look.theme)

    def _paint_plug(self, theme: Theme) -> None:
        plugged = self.plug.isChecked()
        name, color = ("battery-charging", theme.accent) if plugged else ("lightning-slash", theme.muted)
        self.plug.setIcon(icon(name, color))

    def _chosen(self, percent: int) -> None:
        self.level_chosen.emit(percent / 100.0)


def _level_color(theme: Theme, percent: int) -> str:
    return tier_color(theme, guide_tier(percent / 100.0))


def _down(view: EnergyView) -> str:
    return "" if view.snapshot.down is Down.ON else tr("off")


def _time_left(view: EnergyView) -> Shown:
    name, snapshot = tr("Time to empty"), view.snapshot
    if snapshot.down is not Down.ON:
        return Shown(name, "", note=tr("off"), tip=str(down_words(snapshot.down)))
    if snapshot.time_to_empty_s is None:
        reason = tr("It does not drain.") if snapshot.conditions.plugged else tr("Known after the first minute.")
        return Shown(name, "", note=words.DASH, tip=reason)
    tip = tr("At the mean power of the phone's last minute, {watts} W.", watts=words.watts(snapshot.mean_w))
    return Shown(name, words.span(snapshot.time_to_empty_s), origin=Provenance.SIMULATED, tip=tip)


def _drain(view: EnergyView) -> Shown:
    """How fast the battery empties or fills."""
    snapshot = view.snapshot
    if snapshot.down is Down.ON and snapshot.time_to_empty_s is not None and snapshot.time_to_empty_s > 0.0:
        rate = 100.0 * snapshot.state.soc / snapshot.time_to_empty_s * 3600.0
        shown = words.number(-rate, 1 if rate < 9.95 else 0).replace("-", "−")
        tip = tr("How fast the battery drains at the mean power of the phone's last minute")
        return Shown(tr("Drain"), shown, tr("%/h"), origin=Provenance.SIMULATED, tip=tip)
    if snapshot.mean_w < 0.0 and snapshot.conditions.plugged:
        tip = tr("What the charger puts into the cell, over the phone's last minute")
        return Shown(tr("Charging"), words.watts(-snapshot.mean_w), tr("W in"), origin=Provenance.SIMULATED, tip=tip)
    return Shown(tr("Drain"), "", note=words.DASH, tip=tr("It does not drain."))


def _told(view: EnergyView) -> str:
    """What keeps the phone from draining or charging as one would expect."""
    snapshot = view.snapshot
    if snapshot.down is not Down.ON:
        return str(down_words(snapshot.down))
    held = Charging(snapshot.state.charging) if snapshot.conditions.plugged else Charging.ALLOWED
    if held is Charging.FULL:
        return tr("The battery is full.")
    return tr("Charging waits: the battery is too hot or too cold.") if held is Charging.HELD else ""
