"""Hold to talk in the window, with a synthetic microphone and a scripted engine: the text, its place, failures."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import Phase, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, SPEECH_MODEL_ID
from autoglm_desktop.devices.microphone import BlockSink, Recording, SyntheticMicrophone
from autoglm_desktop.engine.script import Hold
from autoglm_desktop.ui.voice.draft import SpokenDraft
from autoglm_desktop.ui.voice.scribe import _Told
from autoglm_desktop.ui.voice.state import VoicePhase
from tests.helpers.audio import noise, numbered, seconds, silence
from tests.helpers.talking import LEFT, Ear, at_once, held, phase, press, release, spoken, talking
from tests.helpers.windows import ENGLISH


def test_what_is_said_while_the_button_is_held_stands_in_the_composer_unsent(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    microphone, ear = spoken(), Ear("Hello|world.")
    with talking(qapp, tmp_path, microphone, ear) as (opened, voice, _):
        held(qtbot, voice, microphone)
        assert voice.composer.text() == "Hello world."
        assert opened.engine.requests == []
        assert not voice.strip.isVisible()
        assert (ear.samples[0][: seconds(2)] == noise(2)).all()
        assert not ear.paths[0].exists()
        assert not any(voice.scribe.folder.iterdir())


def test_the_text_lands_at_the_cursor(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = spoken()
    with talking(qapp, tmp_path, microphone, Ear("brave new")) as (_, voice, _speaker):
        voice.composer.set_text("Hello world")
        cursor = voice.composer.edit.textCursor()
        cursor.setPosition(6)
        voice.composer.edit.setTextCursor(cursor)
        held(qtbot, voice, microphone)
        assert voice.composer.text() == "Hello brave new world"


def test_the_text_stays_with_its_conversation_when_another_one_is_opened(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    microphone, hold = spoken(), Hold()
    with talking(qapp, tmp_path, microphone, Ear("For the first."), hold=hold) as (opened, voice, _):
        opened.shell.controller.send("Begin")
        qtbot.waitUntil(lambda: opened.idle(1))
        first = opened.shell.controller.state.conversation_id
        assert first is not None
        voice.composer.set_text("Written:")
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        press(voice)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        release(voice)
        opened.shell.controller.new_chat()
        voice.composer.set_text("Another draft")
        hold.release()
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        assert voice.composer.text() == "Another draft"
        opened.shell.controller.open(first)
        assert voice.composer.text() == "Written: For the first."


def test_esc_in_another_conversation_takes_out_the_spoken_words_alone(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    microphone = spoken(40)
    with talking(qapp, tmp_path, microphone, Ear("One.", "Two.", "Three.", "Four.")) as (opened, voice, _):
        opened.shell.controller.send("Begin")
        qtbot.waitUntil(lambda: opened.idle(1))
        first = opened.shell.controller.state.conversation_id
        assert first is not None
        voice.composer.set_text("Kept")
        press(voice)
        qtbot.waitUntil(lambda: voice.composer.text().startswith("Kept One."))
        opened.shell.controller.new_chat()
        voice.composer.set_text("Another draft")
        QTest.keyClick(opened.shell.window, Qt.Key.Key_Escape)
        release(voice)
        assert voice.composer.text() == "Another draft"
        opened.shell.controller.open(first)
        assert voice.composer.text() == "Kept"


def test_a_spoken_piece_goes_and_what_is_typed_around_it_stays(qtbot: QtBot) -> None:
    edit = QPlainTextEdit("Hello world")
    qtbot.addWidget(edit)
    cursor = edit.textCursor()
    cursor.setPosition(6)
    edit.setTextCursor(cursor)
    draft = SpokenDraft(edit)
    draft.add("brave")
    draft.add("new")
    assert edit.toPlainText() == "Hello brave new world"
    edit.insertPlainText(",")  # typed where the words ended
    draft.remove()
    assert edit.toPlainText() == "Hello ,world"
    draft = SpokenDraft(edit)
    draft.add("你好")
    edit.textCursor().deletePreviousChar()
    draft.add("世界")
    draft.remove()
    assert edit.toPlainText() == "Hello ,你world"


def test_ctrl_space_is_held_too(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = spoken()
    with talking(qapp, tmp_path, microphone, Ear("By key.")) as (opened, voice, _):
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        handle = opened.shell.window.windowHandle()
        QTest.keyPress(handle, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        assert voice._key.held
        QTest.keyRelease(handle, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        assert voice.composer.text() == "By key."
        assert not voice._key.held


def test_a_held_key_that_the_display_repeats_as_release_and_press_stays_held(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    microphone = spoken()
    with talking(qapp, tmp_path, microphone, Ear("Once.")) as (opened, voice, _):
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        handle = opened.shell.window.windowHandle()
        control = Qt.KeyboardModifier.ControlModifier
        QTest.keyPress(handle, Qt.Key.Key_Space, control)
        for _turn in range(5):
            QTest.keyRelease(handle, Qt.Key.Key_Space, control)
            QTest.keyPress(handle, Qt.Key.Key_Space, control)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        assert voice._key.held
        assert microphone.opened == [None]
        QTest.keyRelease(handle, Qt.Key.Key_Space, control)
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        assert voice.composer.text() == "Once."


def test_esc_forgets_the_recording_and_takes_its_text_out(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = spoken(12)
    hold = Hold()
    with talking(qapp, tmp_path, microphone, Ear("Never."), hold=hold) as (opened, voice, _):
        voice.composer.set_text("Kept")
        press(voice)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        QTest.keyClick(opened.shell.window, Qt.Key.Key_Escape)
        assert voice.dictation.state.phase is VoicePhase.IDLE
        release(voice)
        hold.release()
        assert voice.composer.text() == "Kept"
        qtbot.waitUntil(lambda: not any(voice.scribe.folder.iterdir()))


def test_a_tap_is_no_recording_and_says_so(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    ear = Ear("Never.")
    with talking(qapp, tmp_path, spoken(), ear) as (_, voice, _speaker):
        QTest.mouseClick(voice.composer.microphone, LEFT)
        assert "Hold the button" in voice.strip.told.text()
        assert voice.strip.isVisible()
        assert ear.samples == []


def test_who_cannot_hold_presses_twice(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = spoken()
    settings = ENGLISH.model_copy(update={"voice_hold": False})
    with talking(qapp, tmp_path, microphone, Ear("Twice."), settings=settings) as (_, voice, _speaker):
        QTest.mouseClick(voice.composer.microphone, LEFT)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        assert voice.strip.done_button.isVisible()
        QTest.mouseClick(voice.composer.microphone, LEFT)
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        assert voice.composer.text() == "Twice."


def test_thirty_seconds_arrive_whole_and_their_begin_before_the_end(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    said = numbered(seconds(30))
    microphone, ear = SyntheticMicrophone(said, pace=at_once), Ear("One.", "Two.", "Three.", "Four.")
    with talking(qapp, tmp_path, microphone, ear) as (_, voice, _speaker):
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        press(voice)
        qtbot.waitUntil(lambda: voice.composer.text().startswith("One."))
        assert voice.dictation.recording
        qtbot.waitUntil(microphone.played.is_set)
        release(voice)
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        whole = [sample for part in ear.samples for sample in part.tolist()]
        assert whole[: len(said)] == said.tolist()
        assert not any(whole[len(said) :])
        assert voice.composer.text().startswith("One. Two.")


def test_silence_gives_no_text_and_says_why(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    ear = Ear("Invented.")
    microphone = SyntheticMicrophone(silence(2), pace=at_once)
    with talking(qapp, tmp_path, microphone, ear) as (_, voice, _speaker):
        held(qtbot, voice, microphone)
        assert voice.composer.text() == ""
        assert ear.samples == []
        assert "nothing but silence" in voice.strip.told.text()


def test_noise_without_words_says_that_nothing_was_heard(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = spoken()
    with talking(qapp, tmp_path, microphone, Ear("")) as (_, voice, _speaker):
        held(qtbot, voice, microphone)
        assert voice.strip.told.text() == "Nothing was heard."
        QTest.mouseClick(voice.strip.close_button, LEFT)
        assert not voice.strip.isVisible()


def test_no_microphone_is_said_in_place(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    error = AppError(ErrorCode.DEVICE_FAILED, msg("No microphone was found."), msg("Plug one in."))
    with talking(qapp, tmp_path, SyntheticMicrophone(silence(1), fails=error)) as (_, voice, _speaker):
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        press(voice)
        qtbot.waitUntil(voice.strip.error.isVisible)
        release(voice)
        assert "No microphone was found." in voice.strip.error.text()


def test_a_microphone_that_is_unplugged_keeps_what_was_said(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = SyntheticMicrophone(noise(2), pace=at_once, lost_at_end=True)
    with talking(qapp, tmp_path, microphone, Ear("Before it went.")) as (_, voice, _speaker):
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        press(voice)
        qtbot.waitUntil(voice.strip.error.isVisible)
        release(voice)
        assert voice.composer.text() == "Before it went."
        assert "stopped in the middle" in voice.strip.error.text()


def test_a_missing_model_is_offered_and_fetched(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone = spoken()
    with talking(qapp, tmp_path, microphone, Ear("Now."), installed=(DEFAULT_MODEL_ID,)) as (opened, voice, _):
        press(voice)
        release(voice)
        assert microphone.opened == []
        assert "MIT" in voice.strip.fetch_button.text()
        assert "MB" in voice.strip.fetch_button.text()
        QTest.mouseClick(voice.strip.fetch_button, LEFT)
        qtbot.waitUntil(lambda: "Ready" in voice.strip.told.text())
        assert opened.library.pulls == [SPEECH_MODEL_ID]
        held(qtbot, voice, microphone)
        assert voice.composer.text() == "Now."


class SlowToClose(SyntheticMicrophone):
    """Ends a recording only when the test says so, as a device that hangs while it is closed."""

    def __init__(self) -> None:
        super().__init__(noise(1), pace=at_once)
        self.may_end, self.ended = threading.Event(), threading.Event()
        self.open_now = self.most_open = 0

    def record(self, device: str | None, sink: BlockSink, stopped: threading.Event) -> Recording:
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        made = super().record(device, sink, stopped)
        self.may_end.wait()
        self.open_now -= 1
        self.ended.set()
        return made


def test_the_window_does_not_wait_for_a_device_that_is_slow_to_close(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    """It would stand still for ever here, in the first `discard`."""
    microphone = SlowToClose()
    with talking(qapp, tmp_path, microphone, Ear("Never.", "Second.")) as (_, voice, _speaker):
        voice.dictation._clock = iter([0.0, 10.0, 20.0]).__next__
        press(voice)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        assert voice.dictation.discard()
        assert not voice.dictation.recording
        release(voice)
        voice._switch_hands_free(on=True)
        qtbot.waitUntil(lambda: voice.hands_free.on)
        voice._switch_hands_free(on=False)
        qtbot.waitUntil(lambda: not voice.hands_free.on)
        press(voice)
        assert phase(voice, VoicePhase.OPENING)()
        assert not microphone.ended.is_set()
        microphone.may_end.set()
        qtbot.waitUntil(phase(voice, VoicePhase.RECORDING))
        assert microphone.ended.is_set()
        assert microphone.most_open == 1
        assert not any(voice.scribe.folder.iterdir())


def test_waiting_for_an_answer_is_said(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone, hold = spoken(), Hold()
    with talking(qapp, tmp_path, microphone, Ear("Now."), hold=hold) as (_, voice, _speaker):
        voice.dictation._clock = iter([0.0, 10.0]).__next__
        press(voice)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        release(voice)
        qtbot.waitUntil(hold.reached.is_set)
        assert voice.strip.words.text() == "Writing down…"
        (key,) = voice.scribe._jobs
        voice.scribe._bridge.post(_Told(key, PhaseChanged("", Phase.QUEUED)))
        qtbot.waitUntil(lambda: voice.strip.words.text().startswith("Waiting for another answer"))
        voice.scribe._bridge.post(_Told(key, PhaseChanged("", Phase.WRITING_DOWN)))
        qtbot.waitUntil(lambda: voice.strip.words.text() == "Writing down…")
        hold.release()
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
