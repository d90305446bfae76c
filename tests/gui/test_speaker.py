"""Qt's text-to-speech behind our protocol, with the engine that Qt ships for tests."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from autoglm_desktop.devices.speaker import QtSpeaker


def test_sentences_follow_each_other_and_stop_forgets_the_rest(qtbot: QtBot) -> None:
    changes: list[bool] = []
    speaker = QtSpeaker("mock", on_change=lambda: changes.append(speaker.speaking))
    try:
        assert speaker.problem() is None
        speaker.say("One two.")
        speaker.say("Three.")
        qtbot.waitUntil(lambda: changes == [True, True, False])
        for sentence in ("Four five six seven eight nine ten.", "Eleven.", "Twelve."):
            speaker.say(sentence)
        speaker.stop()
        assert changes[3:] == [True, False]
    finally:
        speaker.close()


def test_voices_have_languages_and_can_be_chosen(qtbot: QtBot) -> None:
    speaker = QtSpeaker("mock")
    try:
        voices = speaker.voices()
        assert len({voice.language for voice in voices}) > 1
        speaker.choose(voices[-1].name, -0.5)
        assert speaker._engine is not None
        assert speaker._engine.voice().name() == voices[-1].name
        assert speaker._engine.rate() == -0.5
    finally:
        speaker.close()
