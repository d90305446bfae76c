"""The composer: Enter, Shift+Enter, input methods, ↑, stop, growth, and what has no function yet."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.composer import Composer

SPOKEN = (
    "The weather was fine this morning. We walked along the river to the old bridge. There were many people in the "
    "park. Some of them were reading books. Others were playing with their children. In the afternoon it began to "
    "rain. We went home and made a cup of tea. Then we talked about our plans for the summer. "
)


@pytest.fixture
def composer(qtbot: QtBot, qapp: QApplication) -> Composer:
    made = Composer(Appearance(qapp, Settings(language="en", theme="light")))
    qtbot.addWidget(made)
    made.resize(720, 120)
    made.show()
    return made


def test_enter_sends_and_shift_enter_breaks_the_line(qtbot: QtBot, composer: Composer) -> None:
    QTest.keyClicks(composer.edit, "one")
    QTest.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(composer.edit, "two")
    with qtbot.waitSignal(composer.submitted) as caught:
        QTest.keyClick(composer.edit, Qt.Key.Key_Return)
    assert caught.args == ["one\ntwo"]


def test_enter_belongs_to_an_input_method_that_is_composing(qtbot: QtBot, composer: Composer) -> None:
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    QApplication.sendEvent(composer.edit, QInputMethodEvent("ni hao", []))
    assert composer.edit.composing
    QTest.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent == []
    commit = QInputMethodEvent("", [])
    commit.setCommitString("你好")
    QApplication.sendEvent(composer.edit, commit)
    assert composer.text() == "你好"
    QTest.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent == ["你好"]


def test_enter_can_break_lines_by_a_setting(qtbot: QtBot, composer: Composer) -> None:
    composer.edit.send_on_enter = False
    QTest.keyClicks(composer.edit, "a")
    with qtbot.assertNotEmitted(composer.submitted):
        QTest.keyClick(composer.edit, Qt.Key.Key_Return)
    with qtbot.waitSignal(composer.submitted):
        QTest.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_nothing_is_not_sent(qtbot: QtBot, composer: Composer) -> None:
    QTest.keyClicks(composer.edit, "   ")
    assert not composer.send.isEnabled()
    assert composer.send.toolTip() == "Write a message or attach an image."
    with qtbot.assertNotEmitted(composer.submitted):
        QTest.keyClick(composer.edit, Qt.Key.Key_Return)
    QTest.keyClicks(composer.edit, "a")
    assert composer.send.toolTip() == "Send the message (Enter)"


def test_send_turns_into_stop(qtbot: QtBot, composer: Composer) -> None:
    composer.show_state(busy=True)
    assert composer.send.accessibleName() == "Stop"
    assert composer.send.isEnabled()
    with qtbot.waitSignal(composer.stop_requested), qtbot.assertNotEmitted(composer.submitted):
        QTest.mouseClick(composer.send, Qt.MouseButton.LeftButton)
    composer.show_state(busy=True, stopping=True)
    assert composer.send.accessibleName() == "Stopping…"
    assert not composer.send.isEnabled()
    composer.show_state(busy=False)
    assert composer.send.accessibleName() == "Send"


def test_a_message_can_be_written_but_not_sent_while_an_answer_runs(qtbot: QtBot, composer: Composer) -> None:
    composer.show_state(busy=True)
    QTest.keyClicks(composer.edit, "next")
    with qtbot.assertNotEmitted(composer.submitted):
        QTest.keyClick(composer.edit, Qt.Key.Key_Return)
    assert composer.text() == "next"


def test_up_brings_the_last_message_back_only_when_empty(qtbot: QtBot, composer: Composer) -> None:
    composer.last_prompt = "before"
    QTest.keyClick(composer.edit, Qt.Key.Key_Up)
    assert composer.text() == "before"
    composer.set_text("kept")
    QTest.keyClick(composer.edit, Qt.Key.Key_Up)
    assert composer.text() == "kept"


def test_the_field_grows_to_eight_lines(qtbot: QtBot, composer: Composer) -> None:
    one = composer.edit.height()
    composer.set_text("\n".join("abc"))
    three = composer.edit.height()
    composer.set_text("\n".join("abcdefgh"))
    eight = composer.edit.height()
    composer.set_text("\n" * 40)
    assert one < three < eight == composer.edit.height()
    composer.set_text("")
    assert composer.edit.height() == one


def test_a_growing_text_never_swings_between_two_heights(qtbot: QtBot, composer: Composer) -> None:
    """The scroll bar once came and went without end at some texts, and the window stood still for seconds."""
    layouts: list[int] = []
    composer.edit.document().documentLayout().documentSizeChanged.connect(lambda _: layouts.append(1))
    for word in (SPOKEN * 4).split():
        composer.edit.insertPlainText(f"{word} ")
        layouts.clear()
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        assert len(layouts) < 5
        long = composer.edit.document().size().height() > 8
        never, always = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAlwaysOn
        assert composer.edit.verticalScrollBarPolicy() is (always if long else never)  # Qt has no say in it
    bar = composer.edit.verticalScrollBar()
    assert bar.isVisible()
    composer.set_text("short")
    assert not bar.isVisible()


def test_the_buttons_of_voice_say_what_they_do(composer: Composer) -> None:
    for button in (composer.microphone, composer.hands_free, composer.speak):
        assert button.isEnabled()
        assert button.accessibleName()
    assert "Hold to talk" in composer.microphone.toolTip()
    composer.show_voice(hands_free=True, speaks=True, holds=False)
    assert "Press to talk" in composer.microphone.toolTip()
    assert composer.hands_free.isChecked()
    assert composer.speak.isChecked()


def test_images_can_be_attached_to_a_text_only_model_which_says_what_it_is_told(composer: Composer) -> None:
    for button in (composer.attach, composer.camera, composer.screenshot):
        assert button.isEnabled()
        assert button.accessibleName()
        assert "does not see images" in button.toolTip()
    composer.show_model(sees=True)
    assert "does not see images" not in composer.attach.toolTip()
