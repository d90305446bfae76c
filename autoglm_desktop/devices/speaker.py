"""Speech output behind one small protocol: Qt's text-to-speech, and a synthetic one that keeps what it was told.

Everything runs on the GUI thread. Qt's module is imported when something is first to be said.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject

from autoglm_desktop.core.i18n import Text, msg

if TYPE_CHECKING:
    from PySide6.QtTextToSpeech import QTextToSpeech, QVoice

log = logging.getLogger(__name__)

_TEST_ENGINE = "mock"
"""Qt's engine that says nothing; it is used when it is asked for by name."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice; `name` names it for people and for the settings, `language` like ``zh_CN``."""

    name: str
    language: str


class Speaker(Protocol):
    """Says sentences one after the other."""

    def problem(self) -> Text | None:
        """Why nothing can be said here, or None."""

    def voices(self) -> tuple[Voice, ...]:
        """What there is to choose from."""

    def choose(self, voice: str, rate: float) -> None:
        """Speak so from the next sentence on. `voice` empty: the engine's own. `rate` -1 (slow) to 1 (fast)."""

    def say(self, sentence: str) -> None:
        """Say it after what is still to be said."""

    def stop(self) -> None:
        """Be silent at once and forget what is still to be said."""

    @property
    def speaking(self) -> bool:
        """Whether something is being said or still to be said."""


class QtSpeaker(QObject):
    """Speaks through the engine of the system (Speech Dispatcher, SAPI, AVSpeechSynthesizer)."""

    def __init__(self, engine: str = "", on_change: Callable[[], None] = lambda: None) -> None:
        """`engine` empty: the first one that works. `on_change` is called when speaking begins or ends."""
        super().__init__()
        self._wanted, self._on_change = engine, on_change
        self._engine: QTextToSpeech | None = None
        self._tried = False
        self._waiting: deque[str] = deque()
        self._speaking = False
        self._voice, self._rate = "", 0.0

    def problem(self) -> Text | None:
        if self._ready() is not None:
            return None
        return msg(
            "This computer has no working speech output. On Linux install speech-dispatcher with a voice, such as "
            "espeak-ng; then start the application again."
        )

    def voices(self) -> tuple[Voice, ...]:
        engine = self._ready()
        if engine is None:
            return ()
        found = {voice.name(): voice.locale().name() for voice in _voices_of(engine)}
        return tuple(Voice(name, language) for name, language in found.items())

    def choose(self, voice: str, rate: float) -> None:
        self._voice, self._rate = voice, rate
        if self._engine is not None:
            self._apply(self._engine)

    def say(self, sentence: str) -> None:
        if self._ready() is None:
            return
        self._waiting.append(sentence)
        if not self._speaking:
            self._next()

    def stop(self) -> None:
        self._waiting.clear()
        if self._engine is not None and self._speaking:
            self._speaking = False
            self._engine.stop()
            self._on_change()

    @property
    def speaking(self) -> bool:
        return self._speaking or bool(self._waiting)

    def close(self) -> None:
        """Let go of the engine."""
        self.stop()
        if self._engine is not None:
            self._engine.stateChanged.disconnect(self._changed)
            self._engine.deleteLater()
            self._engine = None

    def _ready(self) -> QTextToSpeech | None:
        if not self._tried:
            self._tried = True
            self._engine = self._first_that_works()
            if self._engine is not None:
                self._engine.stateChanged.connect(self._changed)
                self._apply(self._engine)
        return self._engine

    def _first_that_works(self) -> QTextToSpeech | None:
        from PySide6.QtTextToSpeech import QTextToSpeech

        names = [self._wanted] if self._wanted else QTextToSpeech.availableEngines()
        for name in names:
            if name == _TEST_ENGINE and not self._wanted:
                continue
            engine = QTextToSpeech(name, self)
            if engine.state() is not QTextToSpeech.State.Error:
                return engine
            log.info("speech output by %s does not work: %s", name, engine.errorString())
            engine.deleteLater()
        return None

    def _apply(self, engine: QTextToSpeech) -> None:
        engine.setRate(self._rate)
        for voice in _voices_of(engine):
            if voice.name() == self._voice:
                engine.setLocale(voice.locale())
                engine.setVoice(voice)
                return

    def _next(self) -> None:
        assert self._engine is not None
        self._speaking = True
        self._engine.say(self._waiting.popleft())
        self._on_change()

    def _changed(self, state: QTextToSpeech.State) -> None:
        """A sentence ended, or failed: go on with the next."""
        from PySide6.QtTextToSpeech import QTextToSpeech

        if state not in (QTextToSpeech.State.Ready, QTextToSpeech.State.Error) or not self._speaking:
            return
        self._speaking = False
        if self._waiting:
            self._next()
        else:
            self._on_change()


def _voices_of(engine: Any) -> list[QVoice]:
    """Those of every language: None says that to Qt, which its type hints do not know."""
    return list(engine.allVoices(None))


class SyntheticSpeaker:
    """Keeps the sentences and says the first of them until `finish_sentence`."""

    def __init__(self, *, problem: Text | None = None, voices: tuple[Voice, ...] = (Voice("One", "en_GB"),)) -> None:
        self.said: list[str] = []
        """Every sentence that was begun, in order."""
        self.stops = 0
        self.chosen = ("", 0.0)
        self._problem, self._voices = problem, voices
        self._waiting: deque[str] = deque()
        self._current: str | None = None

    def problem(self) -> Text | None:
        return self._problem

    def voices(self) -> tuple[Voice, ...]:
        return self._voices

    def choose(self, voice: str, rate: float) -> None:
        self.chosen = (voice, rate)

    def say(self, sentence: str) -> None:
        self._waiting.append(sentence)
        if self._current is None:
            self.finish_sentence()

    def stop(self) -> None:
        self.stops += 1
        self._waiting.clear()
        self._current = None

    @property
    def speaking(self) -> bool:
        return self._current is not None

    def finish_sentence(self) -> None:
        """The sentence is over; the next one begins, if there is one."""
        self._current = self._waiting.popleft() if self._waiting else None
        if self._current is not None:
            self.said.append(self._current)
