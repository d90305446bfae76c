"""Answers read aloud sentence by sentence, made silent, and the page of settings for voices."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.i18n import msg
from autoglm_desktop.devices.microphone import SyntheticMicrophone
from autoglm_desktop.devices.speaker import SyntheticSpeaker
from autoglm_desktop.engine.script import Hold, Reply
from tests.helpers.audio import silence
from tests.helpers.talking import LEFT, press, release, spoken, talking
from tests.helpers.windows import ENGLISH


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
