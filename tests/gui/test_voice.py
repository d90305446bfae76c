"""Voice in the window, with a synthetic microphone and a scripted engine: buttons, keys, text, sentences in place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import Phase, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import SpeechSegment, TranscribeRequest, Transcript
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, SPEECH_MODEL_ID, Settings
from autoglm_desktop.devices.audio import Samples
from autoglm_desktop.devices.microphone import BlockSink, Recording, SyntheticMicrophone
from autoglm_desktop.devices.speaker import SyntheticSpeaker
from autoglm_desktop.engine.script import Hold, Reply, Script, Senses
from autoglm_desktop.ui.voice.desk import VoiceDesk
from autoglm_desktop.ui.voice.draft import SpokenDraft
from autoglm_desktop.ui.voice.recorder import Began, Ended, Part, Recorder
from autoglm_desktop.ui.voice.scribe import _Told
from autoglm_desktop.ui.voice.state import VoicePhase
from tests.helpers.audio import noise, numbered, read_wav, seconds, silence
from tests.helpers.windows import DEFAULT_SCRIPT, ENGLISH, Opened, open_window

BOTH = (DEFAULT_MODEL_ID, SPEECH_MODEL_ID)
LEFT = Qt.MouseButton.LeftButton


class Ear:
    """What the engine hears: given texts, one for each recording; it keeps the samples that it got."""

    def __init__(self, *texts: str | ErrorReport) -> None:
        self._texts = list(texts)
        self.samples: list[Samples] = []
        self.paths: list[Path] = []

    def __call__(self, request: TranscribeRequest) -> Transcript | ErrorReport:
        self.paths.append(Path(request.path))
        self.samples.append(read_wav(Path(request.path)))
        text = self._texts.pop(0) if self._texts else ""
        if isinstance(text, ErrorReport):
            return text
        pieces = tuple(SpeechSegment(0.0, 1.0, piece) for piece in text.split("|") if piece)
        return Transcript(text.replace("|", " "), "en", 1.0, 0.1, pieces)


def at_once(_seconds: float, _stopped: threading.Event) -> None:
    """A microphone that does not wait."""


@contextmanager
def talking(
    qapp: QApplication,
    tmp_path: Path,
    microphone: SyntheticMicrophone,
    ear: Ear | None = None,
    *,
    script: Script = DEFAULT_SCRIPT,
    settings: Settings = ENGLISH,
    installed: tuple[str, ...] = BOTH,
    hold: Hold | None = None,
) -> Iterator[tuple[Opened, VoiceDesk, SyntheticSpeaker]]:
    senses = Senses(hear=ear or Ear(), hold=hold)
    with open_window(qapp, tmp_path, script, settings=settings, installed=installed, senses=senses) as opened:
        voice = opened.shell.voice
        speaker = SyntheticSpeaker()
        voice._microphone, voice._speaker = microphone, speaker
        yield opened, voice, speaker


def press(voice: VoiceDesk) -> None:
    QTest.mousePress(voice.composer.microphone, LEFT)


def release(voice: VoiceDesk) -> None:
    QTest.mouseRelease(voice.composer.microphone, LEFT)


def phase(voice: VoiceDesk, wanted: VoicePhase) -> Callable[[], bool]:
    return lambda: voice.dictation.state.phase is wanted


def spoken(duration_s: float = 2.0) -> SyntheticMicrophone:
    return SyntheticMicrophone(noise(duration_s), pace=at_once)


def held(qtbot: QtBot, voice: VoiceDesk, microphone: SyntheticMicrophone) -> None:
    """Hold the button until everything was said, then let go, and wait for the text."""
    voice.dictation._clock = iter([0.0, 10.0, 20.0]).__next__
    press(voice)
    qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
    assert voice.strip.isVisible()
    release(voice)
    qtbot.waitUntil(phase(voice, VoicePhase.IDLE))


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


def test_sound_files_are_written_down_one_after_the_other(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    from autoglm_desktop.devices.audio import write_wav

    for name in ("one.wav", "two.wav"):
        write_wav(tmp_path / name, noise(1))
    with talking(qapp, tmp_path / "data", spoken(), Ear("First file.", "Second file.")) as (opened, voice, _):
        opened.shell.controller.images.sounds_offered.emit((tmp_path / "one.wav", tmp_path / "two.wav"))
        qtbot.waitUntil(lambda: "Second file." in voice.composer.text())
        assert voice.composer.text() == "First file. Second file."
        assert (tmp_path / "one.wav").exists()


def test_a_bad_sound_file_is_said_in_place_and_the_message_kept(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").touch()
    with talking(qapp, tmp_path / "data", spoken()) as (_, voice, _speaker):
        voice.composer.set_text("Kept")
        voice.handle_audio_files([tmp_path / "empty.wav"])
        qtbot.waitUntil(voice.strip.error.isVisible)
        assert voice.composer.text() == "Kept"


def test_every_bad_one_of_several_files_is_named_when_all_are_done(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    from autoglm_desktop.devices.audio import write_wav

    failed = ErrorReport(ErrorCode.ENGINE_FAILED, msg("The engine failed."), msg("Try again."))
    for name in ("broken.wav", "quiet.wav", "good.wav"):
        write_wav(tmp_path / name, noise(1))
    (tmp_path / "empty.wav").touch()
    names = ("broken.wav", "empty.wav", "quiet.wav", "good.wav")
    with talking(qapp, tmp_path / "data", spoken(), Ear(failed, "", "Good.")) as (_, voice, _speaker):
        voice.handle_audio_files([tmp_path / name for name in names])
        qtbot.waitUntil(lambda: phase(voice, VoicePhase.IDLE)() and voice.composer.text() == "Good.")
        told = voice.strip.error.text().splitlines()
        assert told == ["broken.wav: The engine failed. Try again.", "empty.wav is empty. Choose another file."]
        assert voice.strip.told.text() == "Nothing was heard in quiet.wav."


def test_of_five_hundred_files_twenty_are_written_down_and_the_rest_is_counted(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.wav" for number in range(500)]
    for path in paths:
        path.touch()
    with talking(qapp, tmp_path / "data", spoken()) as (_, voice, _speaker):
        voice.handle_audio_files(paths)
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        assert "Up to 20 recordings are written down at a time: 480 left out." in voice.strip.told.text()
        lines = voice.strip.error.text().splitlines()
        assert lines[0].startswith("0.wav is empty.")
        assert lines[5:] == ["… and 15 more."]


def test_a_tap_leaves_alone_what_is_still_being_written_down(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    from autoglm_desktop.devices.audio import write_wav

    for name in ("one.wav", "two.wav"):
        write_wav(tmp_path / name, noise(1))
    microphone, hold = spoken(), Hold()
    ear = Ear("Said before.", "One.", "Two.")
    with talking(qapp, tmp_path / "data", microphone, ear, hold=hold) as (_, voice, _speaker):
        voice.dictation._clock = iter([0.0, 10.0, 20.0, 20.1]).__next__
        press(voice)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.dictation.recording)
        release(voice)
        qtbot.waitUntil(hold.reached.is_set)
        voice.handle_audio_files([tmp_path / "one.wav", tmp_path / "two.wav"])
        qtbot.waitUntil(lambda: voice.dictation._recorder is None)
        press(voice)
        release(voice)
        assert "Hold the button" in voice.strip.told.text()
        hold.release()
        qtbot.waitUntil(phase(voice, VoicePhase.IDLE))
        assert voice.composer.text() == "Said before. One. Two."


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


# Answers read aloud


def test_an_answer_is_read_sentence_by_sentence_while_it_streams(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    hold = Hold()
    answer = "First one. Then\n```python\nprint(1)\n```\n**bold** end."
    script = (Reply(answer, reasoning="Hidden thought.", hold=hold, hold_after=5),)
    settings = ENGLISH.model_copy(update={"speak_answers": True, "think": True})
    with talking(qapp, tmp_path, spoken(), script=script, settings=settings) as (opened, _, speaker):
        opened.shell.controller.send("Speak")
        qtbot.waitUntil(lambda: speaker.said == ["First one."])
        hold.release()
        qtbot.waitUntil(lambda: opened.idle(1))
        for _turn in range(4):
            qtbot.waitUntil(lambda: opened.shell.voice._bridge.idle)
            speaker.finish_sentence()
        assert speaker.said == ["First one.", "Then", "bold end."]


@pytest.mark.parametrize("way", ["esc", "prompt", "talk"])
def test_esc_a_new_prompt_and_talking_make_it_silent(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, way: str
) -> None:
    settings = ENGLISH.model_copy(update={"speak_answers": True})
    with talking(qapp, tmp_path, spoken(), settings=settings) as (opened, voice, speaker):
        opened.shell.controller.send("Speak")
        qtbot.waitUntil(lambda: opened.idle(1) and speaker.said == ["An answer."])
        assert speaker.speaking
        if way == "esc":
            QTest.keyClick(opened.shell.window, Qt.Key.Key_Escape)
        elif way == "prompt":
            opened.shell.controller.send("Again")
            qtbot.waitUntil(lambda: speaker.stops > 0)
        else:
            press(voice)
            release(voice)
        assert speaker.stops == 1
        qtbot.waitUntil(lambda: not voice.composer.busy)


def test_speech_output_that_cannot_work_says_why_and_stays_off(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    with talking(qapp, tmp_path, spoken()) as (opened, voice, _):
        voice._speaker = SyntheticSpeaker(problem=msg("No engine here."))
        QTest.mouseClick(voice.composer.speak, LEFT)
        assert voice.strip.told.text() == "No engine here."
        assert not opened.assistant.settings.speak_answers
        assert not voice.composer.speak.isChecked()


def test_speech_output_that_is_gone_since_it_was_switched_on_is_told_at_the_first_answer(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    settings = ENGLISH.model_copy(update={"speak_answers": True})
    with talking(qapp, tmp_path, spoken(), settings=settings) as (opened, voice, _):
        voice._speaker = SyntheticSpeaker(problem=msg("No engine here."))
        opened.shell.controller.send("Speak")
        qtbot.waitUntil(lambda: opened.idle(1) and voice._bridge.idle)
        assert voice.strip.told.text() == "No engine here."
        qtbot.waitUntil(lambda: not voice.composer.speak.isChecked())
        assert not opened.assistant.settings.speak_answers


# Hands-free


def speech_and_silence(tmp_path: Path) -> Samples:
    import shutil

    import numpy as np

    from tests.helpers.audio import speak

    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng")
    said = read_wav(speak("Good morning, how are you today?", tmp_path / "said.wav"))
    return np.concatenate((silence(1), said, silence(2)))


def test_hands_free_sends_what_was_said_and_interrupts(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    hold = Hold()
    script = (Reply("Long answer here.", hold=hold, hold_after=2), Reply("Short."))
    settings = ENGLISH.model_copy(update={"speak_answers": True})
    go = threading.Event()

    def paced(_seconds: float, stopped: threading.Event) -> None:
        while not go.wait(0.01) and not stopped.is_set():
            pass

    microphone = SyntheticMicrophone(speech_and_silence(tmp_path), pace=paced)
    ear = Ear("Good morning.")
    with talking(qapp, tmp_path / "d", microphone, ear, script=script, settings=settings) as (opened, voice, _):
        opened.shell.controller.send("Begin")
        qtbot.waitUntil(hold.reached.is_set)
        QTest.mouseClick(voice.composer.hands_free, LEFT)
        assert opened.assistant.settings.hands_free
        go.set()
        qtbot.waitUntil(lambda: len(opened.engine.requests) == 2, timeout=20_000)
        assert opened.engine.requests[1].messages[-1].text == "Good morning."
        assert len(ear.samples[0]) < len(microphone.samples)
        qtbot.waitUntil(lambda: opened.idle(2))
        QTest.mouseClick(voice.composer.hands_free, LEFT)
        qtbot.waitUntil(lambda: not voice.hands_free.on)
        assert not opened.assistant.settings.hands_free


@dataclass(frozen=True, slots=True)
class Speaking:
    """Tells what a recorder would tell of somebody who speaks; its microphone hears silence."""

    recorder: Recorder
    folder: Path

    def begin(self) -> None:
        self.recorder.told.emit(Began())

    def part(self) -> None:
        from autoglm_desktop.devices.audio import write_wav

        path = self.folder / f"{len(list(self.folder.iterdir()))}.wav"
        write_wav(path, noise(1))
        self.recorder.told.emit(Part(path))

    def end(self) -> None:
        self.recorder.told.emit(Ended())


@contextmanager
def listening(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, ear: Ear, hold: Hold | None = None
) -> Iterator[tuple[Opened, VoiceDesk, Speaking]]:
    """Hands-free is on, and the test says what is heard."""
    microphone = SyntheticMicrophone(silence(1), pace=at_once)
    (tmp_path / "said").mkdir()
    with talking(qapp, tmp_path / "data", microphone, ear, hold=hold) as (opened, voice, _):
        QTest.mouseClick(voice.composer.hands_free, LEFT)
        qtbot.waitUntil(lambda: microphone.played.is_set() and voice.hands_free.on)
        recorder = voice.hands_free._recorder
        assert recorder is not None
        yield opened, voice, Speaking(recorder, tmp_path / "said")


def test_nothing_is_sent_while_somebody_speaks(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    """A long utterance comes in parts, and a new one may begin before the last one is written down."""
    with listening(qtbot, qapp, tmp_path, Ear("你好", "世界。", "One more.")) as (opened, voice, speaking):
        speaking.begin()
        speaking.part()
        qtbot.waitUntil(lambda: voice.composer.text() == "你好")
        assert voice.strip.words.text() == "Hearing you"
        speaking.part()
        speaking.end()
        speaking.begin()
        qtbot.waitUntil(lambda: voice.composer.text() == "你好世界。")
        assert opened.engine.requests == []
        speaking.part()
        speaking.end()
        qtbot.waitUntil(lambda: opened.idle(1))
        assert opened.engine.requests[0].messages[-1].text == "你好世界。One more."
        assert voice.composer.text() == ""


def test_noise_after_a_sentence_does_not_keep_it_back(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    with listening(qtbot, qapp, tmp_path, Ear("A sentence.", "")) as (opened, voice, speaking):
        speaking.begin()
        speaking.part()
        speaking.end()
        speaking.begin()
        qtbot.waitUntil(lambda: voice.composer.text() == "A sentence.")
        speaking.end()  # too short for a part
        qtbot.waitUntil(lambda: opened.idle(1))
        assert opened.engine.requests[0].messages[-1].text == "A sentence."


def test_what_was_said_for_another_conversation_stays_there_unsent(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    hold = Hold()
    with listening(qtbot, qapp, tmp_path, Ear("For the first."), hold) as (opened, voice, speaking):
        opened.shell.controller.send("Begin")
        qtbot.waitUntil(lambda: opened.idle(1))
        first = opened.shell.controller.state.conversation_id
        assert first is not None
        speaking.begin()
        speaking.part()
        speaking.end()
        opened.shell.controller.new_chat()
        hold.release()
        qtbot.waitUntil(lambda: voice.hands_free.resting)
        assert voice.composer.text() == ""
        opened.shell.controller.open(first)
        assert voice.composer.text() == "For the first."
        assert len(opened.engine.requests) == 1


def test_noise_sends_nothing(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    microphone, ear = SyntheticMicrophone(noise(10, 4000), pace=at_once), Ear("Invented.")
    settings = ENGLISH.model_copy(update={"voice_input": "Synthetic"})
    with talking(qapp, tmp_path, microphone, ear, settings=settings) as (opened, voice, _):
        QTest.mouseClick(voice.composer.hands_free, LEFT)
        qtbot.waitUntil(microphone.played.is_set, timeout=20_000)
        qtbot.waitUntil(lambda: voice.hands_free.state.seconds >= 10)
        assert voice.strip.words.text() == "Listening"
        assert (ear.samples, opened.engine.requests) == ([], [])
        assert microphone.opened == ["Synthetic"]


def test_hands_free_that_loses_its_microphone_switches_off_and_says_so(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    microphone = SyntheticMicrophone(silence(1), pace=at_once, lost_at_end=True)
    with talking(qapp, tmp_path, microphone) as (opened, voice, _):
        QTest.mouseClick(voice.composer.hands_free, LEFT)
        qtbot.waitUntil(voice.strip.error.isVisible)
        assert not opened.assistant.settings.hands_free
        assert not voice.composer.hands_free.isChecked()


def test_the_settings_page_lists_devices_and_voices(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    from autoglm_desktop.ui.windows.settings_pages.voice import VoicePage

    with talking(qapp, tmp_path, SyntheticMicrophone(silence(1), names=("Desk", "Lap"))) as (opened, _, speaker):
        opened.shell.desk.show_settings()
        dialog = opened.shell.desk.settings_dialog
        assert dialog is not None
        page = dialog.page(VoicePage)
        assert page is not None
        dialog.tabs.setCurrentWidget(page)
        qtbot.waitUntil(lambda: page.input.count() == 3)
        page.input.setCurrentIndex(page.input.findData("Lap"))
        page.input.activated.emit(page.input.currentIndex())
        page.language.setCurrentIndex(page.language.findData("zh"))
        page.language.activated.emit(page.language.currentIndex())
        page.rate.setValue(5)
        qtbot.waitUntil(lambda: opened.assistant.settings.speech_rate == 0.5)
        assert opened.assistant.settings.voice_input == "Lap"
        assert opened.assistant.settings.voice_language == "zh"
        QTest.mouseClick(page.listen, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(5, 5))
        assert speaker.chosen == ("", 0.5)
        assert len(speaker.said) == 1
        dialog.close()
