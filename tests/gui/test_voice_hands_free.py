"""Hands-free: what was said is sent when the speaker pauses, and noise is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.devices.audio import Samples
from autoglm_desktop.devices.microphone import SyntheticMicrophone
from autoglm_desktop.engine.script import Hold, Reply
from autoglm_desktop.ui.voice.desk import VoiceDesk
from autoglm_desktop.ui.voice.recorder import Began, Ended, Part, Recorder
from tests.helpers.audio import noise, read_wav, silence
from tests.helpers.talking import LEFT, Ear, at_once, talking
from tests.helpers.windows import ENGLISH, Opened


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
