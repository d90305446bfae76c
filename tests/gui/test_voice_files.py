"""Sound files dropped on the window are written down, and bad ones are said in place."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.engine.script import Hold
from autoglm_desktop.ui.voice.state import VoicePhase
from tests.helpers.audio import noise
from tests.helpers.talking import Ear, phase, press, release, spoken, talking


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


def test_a_recording_that_ends_before_its_time_is_written_down_and_said(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    from autoglm_desktop.devices.audio import write_wav

    write_wav(tmp_path / "cut.wav", noise(1))
    with talking(qapp, tmp_path / "data", spoken(), Ear("What is left.")) as (_, voice, _speaker):
        voice.handle_audio_files([tmp_path / "cut.wav"])
        qtbot.waitUntil(voice.strip.error.isVisible)
        assert voice.composer.text() == "What is left."
        assert "cut.wav" in voice.strip.error.accessibleName() + voice.strip.error.text()


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
