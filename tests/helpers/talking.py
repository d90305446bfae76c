"""A window whose microphone and speaker are synthetic, and the button that is held to talk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.perception import SpeechSegment, TranscribeRequest, Transcript
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, SPEECH_MODEL_ID, Settings
from autoglm_desktop.devices.audio import Samples
from autoglm_desktop.devices.microphone import SyntheticMicrophone
from autoglm_desktop.devices.speaker import SyntheticSpeaker
from autoglm_desktop.engine.script import Hold, Script, Senses
from autoglm_desktop.ui.voice.desk import VoiceDesk
from autoglm_desktop.ui.voice.state import VoicePhase
from tests.helpers.audio import noise, read_wav
from tests.helpers.windows import DEFAULT_SCRIPT, ENGLISH, Opened, open_window

BOTH = (DEFAULT_MODEL_ID, SPEECH_MODEL_ID)
LEFT = Qt.MouseButton.LeftButton


class Ear:
    """What the engine hears: given texts, one for each recording; it keeps the samples that it got.

    A file whose name begins with "cut" ends before its time.
    """

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
        cut = self.paths[-1].name.startswith("cut")
        return Transcript(text.replace("|", " "), "en", 1.0, 0.1, pieces, cut)


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
