"""The page of battery scenarios: compare, play, the phone that follows, the engine that answers, edit, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QScrollArea, QTableWidgetItem
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.scenario_desk import Comparison, best_of
from autoglm_desktop.core.i18n import language
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.scenario_files import load_scenario, scenario_ids
from autoglm_desktop.engine.script import Hold, Reply
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.scenarios.editor import ScenarioEditor
from autoglm_desktop.ui.scenarios.page import ScenarioPage
from autoglm_desktop.ui.scenarios.player import Player
from tests.helpers.wheels import turned_by_the_wheel
from tests.helpers.windows import Clock, Opened, open_window

SHORT = """
id = "short"
name = {{ en = "Short", zh_CN = "短" }}
description = {{ en = "A short one.", zh_CN = "短。" }}
seed = 1
end = "09:00"
[start]
time = "08:00"
battery_percent = 74
ambient_c = 20
[goal]
until = "09:00"
reserve_percent = 5
[[phases]]
begin = "08:00"
end = "08:30"
ambient_c = 33
screen = 0.4
[[conversations]]
at = "08:10"
turns = {turns}
gap_s = 60
answer_tok = 40
"""


def own(folder: Path, turns: int = 3) -> None:
    (folder / "scenarios").mkdir(parents=True)
    (folder / "scenarios" / "short.toml").write_text(SHORT.format(turns=turns), encoding="utf-8")


def opened_page(qtbot: QtBot, opened: Opened) -> ScenarioPage:
    """The page with the short scenario, compared."""
    QTest.mouseClick(opened.shell.window.sidebar.scenarios, Qt.MouseButton.LeftButton)
    page = opened.shell.desk.scenarios
    assert page is not None
    qtbot.waitUntil(lambda: page.comparison is not None, timeout=30_000)
    with qtbot.waitSignal(page.compared, timeout=30_000):
        page.choose("short")
    return page


def test_policies_are_compared_in_figures_and_words(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        assert opened.shell.window.pages.currentWidget() is page
        comparison = page.comparison
        assert isinstance(comparison, Comparison)
        assert [result.policy for result in comparison.results] == ["fixed-fp16", "guide", "steady", "last-until"]
        assert page.table.rowCount() == 4
        first = comparison.results[0].figures
        item = page.table.item(0, 3)
        assert item is not None
        assert item.text() == str(round(first["tokens"]))
        assert page.verdict.text().startswith("“")
        assert "autoglm-desktop bench" in page.verdict.text()
        unknown = page.table.item(0, page.table.columnCount() - 1)
        assert unknown is not None
        assert (unknown.text(), "autoglm-desktop bench" in unknown.toolTip()) == ("–", True)
        opened.shell.window.resize(1440, 900)
        qtbot.waitUntil(lambda: page.table.width() > 700)
        assert page.table.horizontalScrollBar().maximum() == 0, "every figure is in sight"
        with qtbot.waitSignal(page.compared, timeout=30_000):
            page._actions[Policy.GUIDE].setChecked(False)
        assert page.table.rowCount() == 3


def test_at_most_four_policies(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        assert not page._actions[Policy.FIXED_INT4].isEnabled()


def test_the_phone_of_the_panel_follows(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        QTest.mouseClick(page.play, Qt.MouseButton.LeftButton)
        assert page.player.playing
        page.player.jump(600.0)
        view = opened.assistant.energy.view().snapshot
        assert view.conditions.ambient_c == 33.0
        assert 0.70 < view.state.soc < 0.74
        assert page.clock.text() == "08:10"
        QTest.mouseClick(page.play, Qt.MouseButton.LeftButton)
        stands = not page.player.playing
        assert stands
        page.slider.setValue(1800)
        assert page.clock.text() == "08:30"
        assert page.comparison is not None
        best = best_of(page.comparison)
        assert best is not None
        sample = best.samples[29]
        view = opened.assistant.energy.view().snapshot
        assert view.conditions.ambient_c == sample.ambient_c == 20.0, "scrubbing moves it, too"
        assert view.state.body_c == pytest.approx(sample.skin_temp_c, abs=0.5)
        assert view.state.soc == pytest.approx(sample.soc, abs=0.01)


def test_the_time_goes_to_where_it_is_clicked_and_by_minutes_and_half_hours(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        slider, full = page.slider, page.slider.maximum()
        for share in (0.75, 0.25):
            QTest.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.width() * share), 8))
            assert slider.value() == pytest.approx(share * full, abs=0.05 * full)
            assert page.player.at_s == slider.value()
        slider.setValue(0)
        for key, moved in ((Qt.Key.Key_Right, 60), (Qt.Key.Key_PageUp, 1800), (Qt.Key.Key_Left, -60)):
            before = slider.value()
            QTest.keyClick(slider, key)
            assert slider.value() == min(full, before + moved)


@pytest.mark.parametrize("size", [(1000, 650), (800, 600), (1440, 900)])
def test_a_small_window_scrolls_and_cuts_nothing(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, size: tuple[int, int]
) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        opened.shell.window.resize(*size)
        qtbot.waitUntil(lambda: opened.shell.window.height() == size[1])
        qtbot.waitUntil(lambda: page.plot.height() >= page.plot.minimumSizeHint().height())
        bar = page.findChild(QScrollArea)
        assert bar is not None
        bar.ensureWidgetVisible(page.origin)
        last = page.origin.mapTo(page, page.origin.rect().bottomLeft()).y()
        assert last < page.height()
        bar.ensureWidgetVisible(page.export)
        assert page.export.mapTo(page, page.export.rect().topRight()).x() < page.width()


def test_the_phone_of_the_user_comes_back(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        energy = opened.assistant.energy
        energy.set_battery(0.33)
        energy.set_ambient(12.0)
        energy.set_screen(0.9)
        energy.set_policy(Policy.GUIDE)
        page = opened_page(qtbot, opened)
        before = energy.view()
        page.phones.setCurrentIndex((page.phones.currentIndex() + 1) % page.phones.count())
        page.slider.setValue(700)
        qtbot.waitUntil(lambda: page.comparison is not None and page.comparison.profile.id != before.phone_id)
        page.slider.setValue(600)
        during = energy.view()
        assert page.comparison is not None
        assert during.phone_id == page.comparison.profile.id
        assert during.snapshot.conditions.screen == 0.4
        assert during.policy is not Policy.GUIDE
        assert energy.settings_keys()["phone_battery"] == pytest.approx(0.33, abs=0.01), "it is not the user's choice"
        assert energy.settings_keys()["phone_id"] == before.phone_id
        QTest.mouseClick(opened.shell.window.sidebar.new_chat, Qt.MouseButton.LeftButton)
        after = energy.view()
        assert (after.phone_id, after.policy, after.speed) == (before.phone_id, before.policy, before.speed)
        assert after.snapshot.conditions == before.snapshot.conditions
        assert after.snapshot.state.soc == pytest.approx(before.snapshot.state.soc, abs=0.001)


@pytest.mark.parametrize("speed", [10, 3600])
def test_the_phone_goes_by_the_clock_of_a_live_scenario(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, speed: int
) -> None:
    own(tmp_path)
    hold = Hold()
    with open_window(qapp, tmp_path, [Reply("An answer.", hold=hold)]) as opened:
        page, energy = opened_page(qtbot, opened), opened.assistant.energy
        assert page.comparison is not None
        page.real.setChecked(True)
        page.speed.setCurrentIndex(page.speed.findData(speed))
        page.slider.setValue(300)
        QTest.mouseClick(page.play, Qt.MouseButton.LeftButton)
        best = best_of(page.comparison)
        assert best is not None
        assert energy.view().snapshot.state.soc == pytest.approx(best.samples[4].soc, abs=0.003), "not the start's"
        begun_s = energy.view().snapshot.state.time_s
        page.player.jump(page.player.at_s + 240.0)
        page.player.jump(605.0)
        qtbot.waitUntil(hold.reached.is_set)
        passed_s = energy.view().snapshot.state.time_s - begun_s
        assert 250.0 < passed_s < 400.0, "the clock went 305 s, and then waits for the answer"
        hold.release()


def test_the_real_engine_answers_while_the_clock_waits(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path, [Reply("An answer.")]) as opened:
        page = opened_page(qtbot, opened)
        page.real.setChecked(True)
        page.speed.setCurrentIndex(0)
        QTest.mouseClick(page.play, Qt.MouseButton.LeftButton)
        for at_s in (605.0, 665.0, 725.0):
            page.player.jump(at_s)
            qtbot.waitUntil(lambda: page.live is not None and not page.live.answering)
        assert len(opened.engine.requests) == 3
        assert opened.engine.requests[0].max_tokens == 40
        page.player.jump(3599.0)
        page.player.jump(3600.0)
        page.real.setChecked(False)
        assert page.live is None
        assert opened.assistant.conversations() == []


def test_a_conversation_takes_the_place_of_the_page(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        opened_page(qtbot, opened)
        QTest.mouseClick(opened.shell.window.sidebar.new_chat, Qt.MouseButton.LeftButton)
        assert opened.shell.window.chat_shown


def test_a_file_that_cannot_be_used_is_said_in_place(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    (tmp_path / "scenarios" / "bad.toml").write_text("id = 3", encoding="utf-8")
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        page.choose("bad")
        assert "bad.toml" in page.told.text()
        assert page.comparison is not None


def test_export_writes_one_page_and_the_series(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    own(tmp_path)
    with open_window(qapp, tmp_path) as opened:
        page = opened_page(qtbot, opened)
        page.export_to(tmp_path / "report")
        runs = json.loads((tmp_path / "report" / "runs.json").read_text(encoding="utf-8"))
        assert [run["policy"] for run in runs["runs"]] == ["fixed-fp16", "guide", "steady", "last-until"]
        (tmp_path / "file").write_text("", encoding="utf-8")
        page.export_to(tmp_path / "file" / "below")
        assert page.told.text()


@pytest.fixture
def editor(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> ScenarioEditor:
    own(tmp_path)
    folder = tmp_path / "scenarios"
    return editor_of(qapp, qtbot, "short", folder)


def test_the_wheel_scrolls_the_editor_and_changes_nothing(editor: ScenarioEditor) -> None:
    assert turned_by_the_wheel(editor) == []


def test_an_edited_scenario_is_saved_under_its_own_name(qtbot: QtBot, editor: ScenarioEditor, tmp_path: Path) -> None:
    editor.battery.setValue(50)
    item = editor.phases.item(0, 2)
    assert item is not None
    item.setText("41")
    with qtbot.waitSignal(editor.saved) as told:
        editor.buttons.button(QDialogButtonBox.StandardButton.Save).click()
    assert told.args == ["short-2"]
    saved = load_scenario("short-2", tmp_path / "scenarios")
    assert saved.start.battery_percent == 50
    assert saved.phases[0].ambient_c == 41
    assert len(saved.conversations) == 1
    assert load_scenario("short", tmp_path / "scenarios").start.battery_percent == 74
    assert language() == "en"


def editor_of(qapp: QApplication, qtbot: QtBot, name: str, folder: Path) -> ScenarioEditor:
    made = ScenarioEditor(Appearance(qapp, Settings(language="en")), load_scenario(name, folder), name, folder)
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize("name", scenario_ids())
def test_a_shipped_scenario_survives_the_form(qtbot: QtBot, qapp: QApplication, tmp_path: Path, name: str) -> None:
    editor = editor_of(qapp, qtbot, name, tmp_path)
    editor.save()
    assert editor.told.text() == ""
    saved = load_scenario(f"{name}-2", tmp_path)
    given = load_scenario(name)
    for tongue in ("en", "zh_CN"):
        assert saved.name.of(tongue) == f"{given.name.of(tongue)} (2)"
    assert saved == given.model_copy(update={"id": f"{name}-2", "name": saved.name})


def test_a_goal_that_is_taken_out_is_gone(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    editor = editor_of(qapp, qtbot, "travel-day", tmp_path)
    editor.has_goal.setChecked(False)
    editor.save()
    assert load_scenario("travel-day-2", tmp_path).goal is None


def test_what_the_form_does_not_show_stays_with_its_line(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    editor = editor_of(qapp, qtbot, "travel-day", tmp_path)
    editor.phases.removeRow(1)
    editor.phases.insertRow(3)
    for column, text in enumerate(("09:00", "10:00", "", "no", "0", "yes", "no")):
        editor.phases.setItem(3, column, QTableWidgetItem(text))
    editor.save()
    phases = load_scenario("travel-day-2", tmp_path).phases
    assert [(phase.name, phase.radio) for phase in phases] == [
        ("Station", 0.0),
        ("Town on foot, maps", 0.1),
        ("Waiting and boarding", 0.0),
        ("", 0.0),
    ]
    assert phases[3].asleep


@pytest.mark.parametrize("column", [3, 5, 6])
def test_a_cell_that_is_neither_yes_nor_no_is_refused(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, column: int
) -> None:
    editor = editor_of(qapp, qtbot, "travel-day", tmp_path)
    editor.phases.setItem(0, 4, QTableWidgetItem("0"))  # no standby with a screen
    for text, good in (("abc", False), ("Y", True), ("否", True)):
        editor.phases.setItem(0, column, QTableWidgetItem(text))
        editor.save()
        assert ("neither" in editor.told.text()) != good
        assert bool(list(tmp_path.glob("*.toml"))) == good
        for path in tmp_path.glob("*.toml"):
            path.unlink()
        editor.told.setText("")


def test_conversations_can_be_edited(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    editor = editor_of(qapp, qtbot, "commute", tmp_path)
    item = editor.talks.item(1, 1)
    assert item is not None
    item.setText("4")
    editor.talks.removeRow(0)
    editor.save()
    (only,) = load_scenario("commute-2", tmp_path).conversations
    assert (only.at, only.turns) == (11 * 3600 + 15, 4)
    editor = editor_of(qapp, qtbot, "commute", tmp_path)
    editor.talks.setItem(0, 1, QTableWidgetItem("2.5"))
    editor.save()
    assert "conversations.0.turns" in editor.told.text()


@pytest.mark.parametrize(
    ("field", "text"), [("begin", "25 o'clock"), ("until", "07:00"), ("id", "Not A Name"), ("id", "short")]
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    editor: ScenarioEditor, tmp_path: Path, field: str, text: str
) -> None:
    before = sorted(path.name for path in (tmp_path / "scenarios").iterdir())
    getattr(editor, field).setText(text)
    editor.save()
    assert editor.told.text()
    assert sorted(path.name for path in (tmp_path / "scenarios").iterdir()) == before


def test_the_clock_stands_still_while_something_holds_it(qtbot: QtBot) -> None:
    clock, holds = Clock(), [False]
    player = Player(clock=clock, held=lambda: holds[0])
    player.set_duration(100.0)
    player.speed = 10
    player.play()
    clock.now_s += 2.0
    player.beat()
    assert player.at_s == 20.0
    holds[0] = True
    clock.now_s += 2.0
    player.beat()
    assert player.at_s == 20.0
    holds[0] = False
    clock.now_s += 20.0
    with qtbot.waitSignal(player.ended):
        player.beat()
    assert (player.at_s, player.playing) == (100.0, False)
