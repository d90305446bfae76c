"""The kiosk's window over a scripted engine: visitors, limits, wipe, what they find."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.assistant.visitors import Visitors, kiosk_settings
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.kiosk import Allowed
from autoglm_desktop.core.messages import Message, TextPart
from autoglm_desktop.core.settings import DEFAULT_SYSTEM_PROMPT, Settings
from autoglm_desktop.energy.scenario_result import Sample
from autoglm_desktop.engine.script import Hold, Reply
from autoglm_desktop.ui.kiosk.window import Place
from autoglm_desktop.ui.transcript.blocks import Para
from autoglm_desktop.ui.transcript.formulas import Key
from autoglm_desktop.ui.transcript.row import Row
from tests.helpers.kiosks import CONFIG, SECRET, ask, files_below, kiosk, words_of


def test_a_visitor_asks_and_is_forgotten(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply(f"You said {SECRET}.")]) as opened:
        window = opened.window
        ask(qtbot, opened, SECRET)
        assert opened.at(Place.VISITOR)
        assert SECRET in words_of(window)
        assert window.pages.currentWidget() is window.talk
        (opened.files / "speech.wav").write_bytes(b"RIFF")
        QApplication.clipboard().setText(SECRET)
        opened.leave_alone(65)
        assert "6 s" in window.told.text()
        with qtbot.waitSignal(window.wiped):
            opened.leave_alone(6)
        qtbot.waitUntil(lambda: not window.talk.view.busy)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert opened.at(Place.ATTRACT)
        assert SECRET not in words_of(window)
        assert QApplication.clipboard().text() == ""
        assert files_below(opened.files) == []
        assert not opened.visitors.answering
        assert opened.visitors.conversation_id is None
        ask(qtbot, opened, "And now?")
        assert SECRET not in str(opened.engine.requests[-1].messages)
        assert opened.visitors.tally.visitors == 2
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_visitor_who_leaves_in_mid_answer_is_forgotten_when_it_ended(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    hold = Hold()
    with kiosk(qapp, tmp_path, [Reply(f"a long answer about {SECRET}", hold=hold, hold_after=2)]) as opened:
        bar = opened.window.ask_bar
        QTest.keyClicks(bar.edit, "tell")
        QTest.keyClick(bar.edit, Qt.Key.Key_Return)
        qtbot.waitUntil(hold.reached.is_set)
        opened.leave_alone(100)
        assert opened.at(Place.VISITOR), "an answer counts as company"
        with qtbot.waitSignal(opened.window.wiped):
            QTest.mouseClick(opened.window.again, Qt.MouseButton.LeftButton)
        assert opened.at(Place.ATTRACT)


def test_an_engine_that_hangs_does_not_keep_a_conversation_on_the_screen(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    hold = Hold()
    with kiosk(qapp, tmp_path, [Reply(f"a long answer about {SECRET}", hold=hold, hold_after=2)]) as opened:
        bar = opened.window.ask_bar
        QTest.keyClicks(bar.edit, SECRET)
        QTest.keyClick(bar.edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: hold.reached.is_set() and opened.window.bridge.idle)
        for _ in range(5):
            opened.leave_alone(60)
        qtbot.waitUntil(lambda: opened.at(Place.ATTRACT))
        assert SECRET not in words_of(opened.window)


def test_a_hand_that_never_leaves_the_microphone_is_gone_in_the_end(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        QTest.mousePress(window.senses.talk, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: window.senses.dictation.recording)
        for _ in range(4):
            opened.leave_alone(60)
        qtbot.waitUntil(lambda: opened.at(Place.ATTRACT))
        assert not window.senses.busy


def test_what_was_typed_and_not_sent_goes_with_who_typed_it(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        edit = opened.window.ask_bar.edit
        QTest.mouseClick(edit, Qt.MouseButton.LeftButton)
        QTest.keyClicks(edit, SECRET)
        assert opened.at(Place.VISITOR)
        opened.leave_alone(65)
        assert "6 s" in opened.window.told.text()
        with qtbot.waitSignal(opened.window.wiped):
            opened.leave_alone(6)
        assert edit.text() == ""
        assert not edit.isUndoAvailable()


@pytest.mark.parametrize("by", ["key", "language", "screen reader", "nothing"])
def test_who_begins_in_any_way_is_a_visitor(qapp: QApplication, tmp_path: Path, by: str) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        match by:
            case "key":
                QTest.keyClick(window.ask_bar.edit, Qt.Key.Key_A)
            case "language":
                window.languages.click()
            case "screen reader":
                window.ask_bar.edit.setText("spoken")
            case _:
                QTest.mouseMove(window)
        assert opened.at(Place.ATTRACT if by == "nothing" else Place.VISITOR)


def test_a_file_that_cannot_be_removed_keeps_the_next_visitor_away(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def held(path: Path, missing_ok: bool = False) -> None:
        if path.name == "held.wav":
            raise PermissionError(13, "held by another process")
        unlink(path, missing_ok=missing_ok)

    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        ask(qtbot, opened, "hello")
        (opened.files / "held.wav").write_bytes(b"RIFF")
        monkeypatch.setattr(Path, "unlink", held)
        window.send_away()
        qtbot.waitUntil(lambda: "staff" in window.told.text())
        assert opened.at(Place.WIPING)
        assert opened.visitors.files_left == ("held.wav: held by another process",)
        window.show_pin()
        window.pad.opened.emit()
        assert opened.at(Place.STAFF)
        monkeypatch.undo()
        QTest.mouseClick(window.staff.back, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: opened.at(Place.ATTRACT))
        assert files_below(opened.files) == []


def test_a_wipe_that_a_power_cut_ended_is_finished_by_the_next_start(qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        left = opened.files / "images" / "speech.wav"
        left.parent.mkdir()
        left.write_bytes(b"RIFF")
        Visitors(opened.assistant, CONFIG, opened.files).close()
        assert not left.exists()


def test_formulas_and_joules_of_a_visitor_go_too(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    def formulas() -> list[Key]:
        return [key for key in gc.get_objects() if type(key) is Key and "4711" in key.tex]

    with kiosk(qapp, tmp_path, [Reply("The sum is $$x_{4711}^2$$ as you know.")]) as opened:
        ask(qtbot, opened, "sum?")
        qtbot.waitUntil(lambda: bool(formulas()) and not opened.window.talk.view.busy)
        assert opened.assistant.energy.view().last_turn is not None
        opened.window.send_away()
        qtbot.waitUntil(lambda: opened.at(Place.ATTRACT))
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert formulas() == []
        assert opened.assistant.energy.view().last_turn is None


def test_no_word_of_a_visitor_stays_in_memory(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    word = "quittengelee-0815"

    def holders() -> list[object]:
        kinds = (Row, Node, TextPart, Message, Para)
        return [one for one in gc.get_objects() if isinstance(one, kinds) and word in repr(one)]

    with kiosk(qapp, tmp_path, [Reply(f"Hello, {word}. How are you?")]) as opened:
        ask(qtbot, opened, f"I am {word}.")
        qtbot.waitUntil(lambda: not opened.window.talk.view.busy)
        assert holders()
        opened.window.send_away()
        qtbot.waitUntil(lambda: opened.at(Place.ATTRACT))
        opened.engine.requests.clear()  # what the scripted engine notes for the tests
        qtbot.waitUntil(lambda: holders() == [])


def test_visitors_do_not_hear_of_the_owners_system_prompt() -> None:
    settings = kiosk_settings(Settings(system_prompt="My name is Erika.", cloud_mode="always"), CONFIG)
    assert settings.system_prompt == DEFAULT_SYSTEM_PROMPT
    assert settings.cloud_mode == "off"


def test_the_words_at_the_foot_follow_the_language(qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        assert window.told.text() == "Touch to begin"
        window.show_pin()
        window.pad.opened.emit()
        english = window.told.text()
        window.switch_language()
        assert window.told.text() != english


def test_a_hand_on_the_microphone_is_company(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        window = opened.window
        QTest.mousePress(window.senses.talk, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: window.senses.dictation.recording)
        opened.leave_alone(100)
        assert opened.at(Place.VISITOR)
        QTest.mouseRelease(window.senses.talk, Qt.MouseButton.LeftButton)
        window.send_away()
        qtbot.waitUntil(lambda: opened.at(Place.ATTRACT))
        assert not window.senses.busy


def test_what_is_not_allowed_is_not_there(qapp: QApplication, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"allow": Allowed(camera=False, microphone=False)})
    with kiosk(qapp, tmp_path, [Reply("Yes.")], config) as opened:
        assert not opened.window.senses.talk.isVisible()
        assert not opened.window.senses.photo.isVisible()


def test_limits_are_said_in_place(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        for _ in range(3):
            ask(qtbot, opened, "again")
        ask(qtbot, opened, "once more")
        assert "3 times" in opened.window.talk.trouble.text()
        assert len(opened.engine.requests) == 3
        assert opened.window.ask_bar.edit.maxLength() == 60
        assert opened.engine.requests[-1].max_tokens == CONFIG.max_answer_tokens


@pytest.mark.parametrize("deaths", [1, 2])
def test_an_answer_that_the_engine_lost_is_made_again(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, deaths: int
) -> None:
    died = ErrorReport(ErrorCode.ENGINE_DIED, msg("It died."), msg("Ask again."))
    with kiosk(qapp, tmp_path, [*[Reply("Half", error=died)] * deaths, Reply("The whole answer.")]) as opened:
        bar = opened.window.ask_bar
        QTest.keyClicks(bar.edit, "go")
        QTest.keyClick(bar.edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: "The whole answer." in words_of(opened.window))
        assert (opened.visitors.tally.recovered, opened.visitors.tally.failures) == (deaths, 0)


def test_an_engine_that_stays_down_is_told_kindly(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    died = ErrorReport(ErrorCode.ENGINE_DIED, msg("It died."), msg("Ask again."))
    with kiosk(qapp, tmp_path, [Reply("", error=died)]) as opened:
        bar = opened.window.ask_bar
        QTest.keyClicks(bar.edit, "go")
        QTest.keyClick(bar.edit, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: opened.window.talk.trouble.text() == "Ask again.")
        assert (opened.visitors.tally.recovered, opened.visitors.tally.failures) == (2, 1)


def test_chips_ask_and_touch_the_phone(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("I am.")]) as opened:
        who, car = opened.window.hero.chips
        QTest.mouseClick(car, Qt.MouseButton.LeftButton)
        assert opened.assistant.energy.view().snapshot.conditions.ambient_c == 45.0
        opened.leave_alone(1)
        assert opened.window.told.text() == "Into a hot car", "it stays to be read"
        opened.leave_alone(63)
        assert "s ·" in opened.window.told.text()
        opened.window.guard.touched_s = opened.clock()
        opened.leave_alone(0)
        assert opened.window.told.text() == ""
        QTest.mouseClick(who, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: bool(opened.engine.requests) and not opened.visitors.answering)
        assert opened.engine.requests[0].messages[-1].text == "Who are you?"


def test_every_visitor_finds_the_phone_as_configured(qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        opened.window.welcome()
        opened.window.phone.level_chosen.emit(0.2)
        assert opened.assistant.energy.view().snapshot.state.soc == pytest.approx(0.2)
        opened.window.send_away()
        opened.window.welcome()
        assert opened.assistant.energy.view().snapshot.state.soc == pytest.approx(CONFIG.phone.battery)


def test_the_language_goes_back_with_the_visitor(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        opened.window.welcome()
        QTest.mouseClick(opened.window.languages, Qt.MouseButton.LeftButton)
        assert opened.window.hero.chips[0].text() == "你是谁?"
        with qtbot.waitSignal(opened.window.wiped):
            opened.window.send_away()
        assert opened.window.hero.chips[0].text() == "Who are you?"


def test_the_attract_page_plays_until_somebody_comes(qapp: QApplication, tmp_path: Path) -> None:
    def sample(t_s: float, soc: float) -> Sample:
        rest = dict.fromkeys(Sample._fields, 0.0)
        of_moment = {"t_s": t_s, "soc": soc, "cell_w": 2.0, "tier": "int8", "plugged": False, "down": 0, "status": 0}
        return Sample(**(rest | of_moment))  # type: ignore[arg-type]

    with kiosk(qapp, tmp_path, [Reply("Yes.")]) as opened:
        attract = opened.window.attract
        samples = [sample(60.0 * n, 0.9 - n / 100) for n in range(50)]
        opened.window.scenario_ready.emit(samples, 8 * 3600.0, lambda soc: 40_000.0 * soc)
        assert attract.playing
        assert opened.window.phone.level.text() == "90 %"
        assert opened.window.phone.left.text() == "5 h 0 min", "36 kJ at 2 W"
        for _ in range(10):
            attract.step()
        assert opened.window.phone.level.text() == "80 %"
        assert "08:10" in opened.window.phone.told.text()
        QTest.mouseClick(opened.window, Qt.MouseButton.LeftButton)
        assert not opened.window.attract.playing
        assert opened.at(Place.VISITOR)
        assert np.isfinite(opened.window.left_s)
