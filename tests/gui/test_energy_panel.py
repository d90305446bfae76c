"""The energy panel over the real energy service: real drags, keys and menus, on a clock that tests move."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import inf, nan

import numpy  # noqa: F401 - whole before the panel's thread imports it: pytest.approx looks for it
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QScrollArea
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.energy_view import Source
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Quantity
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.phone import Down
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.throttle import ThermalStatus
from autoglm_desktop.energy.workload import Work
from autoglm_desktop.ui.energy.figure import Figure
from autoglm_desktop.ui.energy.panel import EnergyPanel
from tests.helpers.energy_panels import choose, drag, shown_panel
from tests.helpers.wheels import turn_wheel
from tests.helpers.windows import ENGLISH

CONTROL = Qt.KeyboardModifier.ControlModifier


def figures(panel: EnergyPanel) -> list[Figure]:
    """Every figure that can be seen."""
    return [figure for figure in panel.findChildren(Figure) if figure.isVisible()]


def tier_of(panel: EnergyPanel) -> Tier:
    """The tier that the badge shows."""
    return panel.cards.tier.badge.tier


def watches(panel: EnergyPanel) -> bool:
    """Whether the panel asks for views."""
    return panel.feed is not None and panel.feed.running


def test_dragging_the_battery_changes_tier_reason_and_log(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        panel = shown.panel
        assert panel.cards.battery.level.shown.value == "80"
        assert tier_of(panel) is Tier.FP16
        drag(panel.cards.battery.slider, 20)
        shown.pass_time(0.2)
        assert shown.view().snapshot.state.soc == pytest.approx(0.20, abs=1e-3)
        assert panel.cards.battery.level.shown.value == "20"
        assert tier_of(panel) is Tier.INT4
        assert panel.cards.tier.badge.accessibleName() == "Tier INT4"
        assert "at or below 30 %" in panel.cards.tier.reason.text()
        assert panel.cards.tier.next.text() == "Next: INT8 again above 33 %"
        newest = panel.cards.log.text.toPlainText().splitlines()[:2]
        assert any("at or below 30 %: INT4" in line for line in newest)
        assert panel.cards.battery.slider.accessibleName() == "Battery of the simulated phone: 20 %"


def test_the_battery_is_set_by_keys_too(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        slider = shown.panel.cards.battery.slider
        slider.setFocus()
        for key, value in (
            (Qt.Key.Key_Left, 79),
            (Qt.Key.Key_PageDown, 69),
            (Qt.Key.Key_End, 100),
            (Qt.Key.Key_Home, 0),
            (Qt.Key.Key_Right, 1),
        ):
            QTest.keyClick(slider, key)
            assert slider.value() == value
            assert shown.view().snapshot.state.soc == pytest.approx(value / 100.0, abs=1e-3)


def test_a_view_that_arrives_during_a_drag_does_not_take_the_handle_away(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        slider = shown.panel.cards.battery.slider
        QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.x_of(50)), 8))
        shown.service.set_battery(0.9)
        shown.pass_time(0.2)
        assert slider.value() == 50
        QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.x_of(50)), 8))
        shown.pass_time(0.2)
        assert slider.value() == 90


def test_the_wheel_is_left_to_the_panel(qapp: QApplication) -> None:
    """A slider that passes under the mouse while someone scrolls is not turned."""
    with shown_panel(qapp) as shown:
        for slider in (shown.panel.cards.battery.slider, shown.panel.cards.heat.hold, shown.panel.cards.heat.ambient):
            before = slider.value()
            assert not turn_wheel(slider)
            assert slider.value() == before


def test_the_plug_charges_and_takes_fp16(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        panel = shown.panel
        drag(panel.cards.battery.slider, 20)
        QTest.mouseClick(panel.cards.battery.plug, Qt.MouseButton.LeftButton)
        shown.pass_time(70.0, step_s=1.0)
        assert shown.view().snapshot.conditions.plugged
        assert panel.cards.battery.plug.accessibleName() == "Plugged in"
        assert tier_of(panel) is Tier.FP16
        charging = panel.cards.battery.drain.shown
        assert (charging.name, charging.unit) == ("Charging", "W in")
        assert float(charging.value) > 1.0
        assert panel.cards.battery.left.shown.value == ""
        assert panel.cards.battery.left.shown.tip == "It does not drain."


def test_every_figure_is_named_badged_focusable_and_copied(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        shown.pass_time(1.0)
        found = figures(shown.panel)
        assert len(found) >= 15
        for figure in found:
            said = figure.shown
            assert figure.accessibleName().startswith(f"{said.name}: ")
            assert figure.toolTip()
            assert figure.focusPolicy() & Qt.FocusPolicy.TabFocus
            if said.value and said.name != "Battery":
                assert said.origin is not None, said
        power = shown.panel.cards.power.power
        power.setFocus()
        QTest.keyClick(power, Qt.Key.Key_C, CONTROL)
        watts = power.shown.value
        assert float(watts) > 0.0
        assert QApplication.clipboard().text() == f"Power: {watts} W (simulated)"
        assert power.accessibleName() == f"Power: {watts} W, simulated"


@pytest.mark.qt_log_ignore("This plugin does not support")  # menus need more than the offscreen platform has
def test_the_menu_of_a_figure_copies_it(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        skin = shown.panel.cards.heat.skin
        skin.setFocus()
        QTest.keyClick(skin, Qt.Key.Key_Menu)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        assert [action.text() for action in menu.actions()] == ["Copy"]
        QTest.keyClick(menu, Qt.Key.Key_Down)
        QTest.keyClick(menu, Qt.Key.Key_Return)
        assert QApplication.clipboard().text() == "Skin: 25.0 °C NONE (simulated)"
        assert QApplication.activePopupWidget() is None


def test_a_hidden_panel_asks_for_nothing(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        panel = shown.panel
        assert watches(panel)
        panel.hide()
        assert not watches(panel)
        shown.service.set_battery(0.33)
        assert shown.service.beat() == 1.0  # nobody watches fast any more
        shown.pass_time(2.0)
        assert panel.cards.battery.level.shown.value == "80"
        panel.show()
        shown.pass_time(0.2)
        assert panel.cards.battery.level.shown.value == "33"


def test_a_minimized_window_asks_for_nothing(qtbot: QtBot, qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        holder = QScrollArea()
        holder.setWidget(shown.panel)
        holder.show()
        panel = shown.panel
        qtbot.waitUntil(lambda: watches(panel))
        holder.setWindowState(Qt.WindowState.WindowMinimized)
        qtbot.waitUntil(lambda: not watches(panel))
        holder.setWindowState(Qt.WindowState.WindowNoState)
        qtbot.waitUntil(lambda: watches(panel))
        holder.takeWidget()
        holder.deleteLater()


def test_a_view_that_waits_when_the_panel_hides_is_not_shown(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        shown.service.set_battery(0.5)
        shown.clock.now_s += 0.2
        shown.service.beat()  # posted, not delivered
        shown.panel.hide()
        shown.deliver()
        assert shown.panel.cards.battery.level.shown.value == "80"


def test_holding_the_soc_hot_caps_answers_and_says_so(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        heat = shown.panel.cards.heat
        assert not heat.release.isEnabled()
        drag(heat.hold, 70)
        shown.pass_time(0.2)
        assert shown.view().held_c == 70.0
        assert shown.view().decision.max_new_tokens == 64
        assert heat.soc.shown.note == "over 65, held"
        assert "at most 64 new tokens" in shown.panel.cards.tier.more.text()
        assert shown.panel.cards.log.text.toPlainText().count("held at 70") == 1  # one line a drag, not one a pixel
        QTest.mouseClick(heat.release, Qt.MouseButton.LeftButton)
        shown.pass_time(120.0, step_s=1.0)
        assert shown.view().held_c is None
        assert shown.view().decision.max_new_tokens is None
        assert shown.panel.cards.tier.more.text() == ""
        assert float(heat.soc.shown.value) < 65.0


def test_the_ambient_temperature_follows_its_slider(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        slider = shown.panel.cards.heat.ambient
        slider.setFocus()
        QTest.keyClick(slider, Qt.Key.Key_End)
        shown.pass_time(0.2)
        assert shown.view().snapshot.conditions.ambient_c == 50.0
        assert shown.panel.cards.heat.ambient_value.text() == "50 °C"
        assert slider.accessibleName() == "Ambient temperature: 50 °C"


def test_the_policy_is_chosen_and_a_goal_with_it(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        card = shown.panel.cards.tier
        choose(card.policy, "Always INT8")
        shown.pass_time(0.2)
        assert shown.view().policy is Policy.FIXED_INT8
        assert tier_of(shown.panel) is Tier.INT8
        assert not card.goal.isVisible()
        choose(card.policy, "Last until")
        shown.pass_time(0.2)
        goal = shown.view().goal
        assert goal is not None
        assert 5.9 * 3600 < goal.until_s - shown.view().phone_time_s < 6.6 * 3600
        assert goal.reserve == 0.10
        assert card.goal.isVisible()
        card.goal.time.setFocus()
        QTest.keyClicks(card.goal.time, "2315")
        QTest.keyClick(card.goal.time, Qt.Key.Key_Return)
        card.goal.reserve.setFocus()
        card.goal.reserve.selectAll()
        QTest.keyClicks(card.goal.reserve, "25")
        QTest.keyClick(card.goal.reserve, Qt.Key.Key_Return)
        goal = shown.view().goal
        assert goal is not None
        until = datetime.fromtimestamp(goal.until_s)
        assert (until.hour, until.minute) == (23, 15)
        assert goal.reserve == 0.25
        assert goal.until_s > shown.view().phone_time_s
        assert 0.0 < goal.until_s - shown.view().phone_time_s <= 86_400.0


def test_phone_source_and_speed_are_chosen(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        panel = shown.panel
        before = panel.cards.cost.share.shown.value
        choose(panel.phone, "iPhone 17 Pro")
        shown.pass_time(0.2)
        assert shown.view().phone_id == "iphone-17-pro"
        assert panel.phone.text() == "iPhone 17 Pro"
        assert panel.cards.cost.share.shown.value != before
        choose(panel.phone, "Worst of both")
        shown.pass_time(0.2)
        assert shown.view().source is Source.WORST
        assert "Worst of both" in panel.phone.toolTip()
        choose(panel.speed, "600 ×")
        shown.pass_time(1.0)
        assert shown.view().speed == 600.0
        assert panel.speed.accessibleName() == "Speed of the phone's time: 600 ×"
        assert panel.cards.battery.level.shown.value not in ("80", "0")


def test_what_is_absent_is_explained_and_never_zero(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        computer = shown.view().computer
        card = shown.panel.cards.computer
        assert "Graphics card, Graphics power not available: No card." in card.reasons.text()
        assert not card.figures[2].isVisible()
        assert card.figures[5].isVisible()
        for figure in card.figures:
            assert figure.shown.value not in ("0", "0 °C", "0 W", "0 %")
            assert figure.isVisible() == bool(figure.shown.value)
        absent = Quantity.absent("J", msg("Nobody tells."))
        shown.panel.show_view(replace(shown.view(), computer=replace(computer, package_energy=absent, rss=absent)))
        assert "Energy counter, Memory held not available: Nobody tells." in card.reasons.text()


def test_impossible_values_show_a_dash_and_raise_nothing(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        view = shown.view()
        flows = view.snapshot.flows
        assert flows is not None
        for bad in (nan, inf, -inf, -1e12, 1e300):
            state = view.snapshot.state._replace(soc=bad, junction_c=bad, body_c=bad)
            snapshot = replace(
                view.snapshot, state=state, flows=flows._replace(used_j=bad, chemical_j=bad), time_to_empty_s=bad,
                mean_w=bad, conditions=view.snapshot.conditions._replace(ambient_c=bad),
            )  # fmt: skip
            shown.panel.show_view(replace(view, snapshot=snapshot, speed=bad, phone_time_s=bad, held_c=bad))
            QApplication.processEvents()
        assert shown.panel.cards.heat.skin.shown.value != "nan"
        shown.panel.show_view(replace(view, snapshot=replace(view.snapshot, flows=None, down=Down.HOT)))
        assert shown.panel.cards.power.power.shown.value == ""
        assert shown.panel.cards.battery.level.shown.note == "off"
        assert "too hot" in shown.panel.cards.battery.told.text()
        assert shown.panel.cards.battery.told.isVisible()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_the_panel(qapp: QApplication, language: str, scale: float, theme: str) -> None:
    settings = ENGLISH.model_copy(update={"language": language, "font_scale": scale, "theme": theme})
    with shown_panel(qapp, settings) as shown:
        shown.service.set_policy(Policy.LAST_UNTIL)
        shown.service.set_temperature(70.0)
        shown.pass_time(0.5)
        scroll = shown.panel.findChild(QScrollArea)
        assert isinstance(scroll, QScrollArea)
        body, room = scroll.widget(), scroll.viewport()
        assert body is not None
        assert body.minimumSizeHint().width() <= body.width() == room.width()


def test_language_and_theme_change_live(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        dark = Settings(language="zh_CN", theme="dark")
        width = shown.panel.width()
        before = shown.panel.grab().toImage().pixelColor(4, 200)
        shown.look.apply(dark)
        assert shown.panel.grab().toImage().pixelColor(4, 200).lightness() < before.lightness()
        shown.look.apply(ENGLISH.model_copy(update={"font_scale": 2.0}))
        assert shown.panel.width() > width
        assert shown.panel.cards.battery.level.shown.name == "Battery"


def test_the_plot_arrives_after_the_panel_and_draws_what_is_drawn(qtbot: QtBot, qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        power = shown.panel.cards.power
        qtbot.waitUntil(lambda: power.plot is not None, timeout=20_000)
        shown.service.begin(Tier.FP16)
        shown.service._desk.phone.work(Work(Tier.FP16, decoded_tok=200.0, prefilled_tok=400.0))
        shown.pass_time(12.0)
        shown.panel.cards.power.show_series(shown.service.series())
        assert {"decode", "idle", "screen"} <= set(power.legend.names)
        assert "decode" in power.legend.accessibleName()
        for width in (180, 240, 300, 420):
            high = []
            for names in (("idle",), ("idle", "screen", "loading", "decode"), ("idle", "screen", "prefill", "decode")):
                power.legend.show_names(names)
                high.append(power.legend.heightForWidth(width))
            assert len(set(high)) == 1, "what stands below does not move"
        plot = power.plot
        assert plot is not None
        qtbot.waitUntil(lambda: shown.look.theme.fp16.lower() in _colors(shown.panel), timeout=5000)
        assert "highest" in plot.parentWidget().accessibleName()
        choose(power.span, "10 min")
        assert plot.span_s == 600.0


def test_the_ribbon_tells_the_tiers_of_the_last_minutes(qtbot: QtBot, qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        qtbot.waitUntil(lambda: shown.panel.cards.power.plot is not None, timeout=20_000)
        shown.pass_time(2.0)
        drag(shown.panel.cards.battery.slider, 20)
        shown.pass_time(2.0)
        shown.panel.cards.tier.show_series(shown.service.series())
        name = shown.panel.cards.tier.ribbon.accessibleName()
        assert name.index("FP16") < name.index("INT4")


def test_thermal_words_are_androids(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        view = shown.view()
        for status in ThermalStatus:
            shown.panel.show_view(replace(view, snapshot=replace(view.snapshot, status=status)))
            assert shown.panel.cards.heat.skin.shown.note == status.name


def test_a_phone_that_cannot_be_used_is_told(qapp: QApplication) -> None:
    with shown_panel(qapp) as shown:
        told: list[object] = []
        shown.panel.failed.connect(told.append)
        shown.panel.phone.phone_chosen.emit("no-such-phone")
        assert len(told) == 1
        assert shown.view().phone_id == "guide-phone"


def _colors(panel: EnergyPanel) -> set[str]:
    """The colours in the picture of the plot."""
    plot = panel.cards.power.plot
    assert plot is not None
    image = plot.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 2)}
