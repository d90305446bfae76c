"""Voice in the window: the buttons and keys, dictation, hands-free, answers read aloud. GUI thread only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from autoglm_desktop.assistant.events import AssistantEvent, NodeAdded, NodeDelta, NodeFinished
from autoglm_desktop.core.errors import AppError, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.core.settings import SPEECH_MODEL_ID, Settings
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.ui.bridge import Bridge
from autoglm_desktop.ui.controller import Controller

from .dictation import Dictation
from .draft import SpokenDraft
from .hands_free import HandsFree
from .recorder import Recorders
from .scribe import Scribe
from .state import VoicePhase, VoiceState
from .talk_key import HeldKey

if TYPE_CHECKING:
    from autoglm_desktop.devices.microphone import Microphone
    from autoglm_desktop.devices.speaker import Speaker

    from .read_aloud import ReadAloud

log = logging.getLogger(__name__)


class VoiceDesk(QObject):
    """Owns the devices of sound. Their modules are imported when they are first used."""

    def __init__(
        self,
        controller: Controller,
        library: ModelLibrary,
        *,
        microphone: Microphone | None = None,
        speaker: Speaker | None = None,
    ) -> None:
        super().__init__(controller)
        self.controller, self._library = controller, library
        self._microphone, self._speaker = microphone, speaker
        self._settings = controller.assistant.settings
        self.composer, self.strip = controller.window.composer, controller.window.voice
        self.scribe = Scribe(controller.assistant, self)
        self.recorders = Recorders(self.microphone, self)
        self.dictation = Dictation(self.composer.edit, self.scribe, self.recorders, parent=self)
        self.hands_free = HandsFree(self.composer.edit, self.scribe, self.recorders, parent=self)
        self._reader: ReadAloud | None = None
        self._key = HeldKey(self._let_go, self)
        self._files: list[tuple[Path, SpokenDraft]] = []
        """Those that wait for the speech model to be fetched."""
        self._bridge = Bridge(self._handle, parent=self)
        self._connect()
        self._unsubscribe = controller.assistant.subscribe(self._hear)
        self.strip.use(library)
        self._show_switches()

    def start(self) -> None:
        """Do what the settings say, once the window is shown."""
        if self._settings.hands_free:
            self._listen()

    def close(self) -> None:
        """Silence, and every thread ended."""
        self._unsubscribe()
        self._bridge.close()
        self.strip.close_job()
        self.recorders.join()
        self.scribe.close()
        self._silence()

    def microphone(self) -> Microphone:
        """The microphone that records here."""
        if self._microphone is None:
            from autoglm_desktop.devices.process_microphone import ProcessMicrophone

            self._microphone = ProcessMicrophone()
        return self._microphone

    def speaker(self) -> Speaker:
        """What speaks here."""
        if self._speaker is None:
            from autoglm_desktop.devices.speaker import QtSpeaker

            self._speaker = QtSpeaker()
        return self._speaker

    # What people do

    def press(self) -> None:
        """The microphone button goes down."""
        self._silence()
        if self.hands_free.on:
            self.hands_free.tell(msg("It listens already: just speak."))
        elif self.dictation.recording and not self._settings.voice_hold:
            self.dictation.end(held=False)
        elif self._may_write_down():
            self.dictation.begin(self._settings.voice_input)
            self._load_speech()

    def release(self) -> None:
        """The microphone button comes up."""
        if self._settings.voice_hold:
            self.dictation.end(held=True)

    def press_key(self) -> None:
        """Ctrl+Space goes down; it is held until `HeldKey` says otherwise."""
        if self._key.held:
            return
        self._key.press()
        self.press()

    def escape(self) -> bool:
        """Esc: forget the recording, be silent; whether there was one to forget."""
        self._silence()
        return self.dictation.discard()

    def handle_audio_files(self, paths: object) -> None:
        """Write sound files into the draft that is open now, one after the other."""
        if not isinstance(paths, (tuple, list)):
            return
        files = [(path, SpokenDraft(self.composer.edit)) for path in paths]
        if self._may_write_down():
            self.dictation.write_down_files(files)
        else:
            self._files += files

    # What happens

    def _let_go(self) -> None:
        self.release()

    def _may_write_down(self) -> bool:
        """Whether the speech model is here; else it is offered."""
        try:
            self._library.ref(SPEECH_MODEL_ID)
        except AppError:
            self.dictation.tell(offers_model=True)
            return False
        return True

    def _load_speech(self) -> None:
        """The model loads while the person still speaks."""
        with self.controller.telling():
            self.controller.assistant.load_modality(Modality.SPEECH)

    def _model_ready(self) -> None:
        self.dictation.tell(msg("Ready: hold the microphone button and speak."))
        files, self._files = self._files, []
        if files:
            self.dictation.write_down_files(files)

    def _listen(self) -> None:
        if self._may_write_down():
            self.dictation.discard()
            self.hands_free.start(self._settings.voice_input)
            self._load_speech()
        else:
            self._switch_hands_free(on=False)

    def _barge_in(self) -> None:
        """Somebody speaks: what is said aloud and what is being answered stops."""
        self._silence()
        self.controller.stop()

    def _send(self) -> None:
        """Send what was said, once nobody speaks, all is written down and the answer before has stopped."""
        if self.hands_free.resting and not self.composer.busy and self.hands_free.take_unsent():
            self.composer.submit()

    def _hands_free_ended(self, error: ErrorReport) -> None:
        self._switch_hands_free(on=False)
        self.dictation.tell(error=error)

    def _switch_hands_free(self, *, on: bool) -> None:
        self.controller.change_settings(hands_free=on)
        self._show_switches()

    def _switch_speech(self, on: bool) -> None:
        self.controller.change_settings(speak_answers=on)
        if on:
            self._can_speak()
        self._show_switches()

    def _can_speak(self) -> bool:
        """Whether there is speech output; else it is switched off, and the reason told."""
        problem = self.speaker().problem()
        if problem is not None:
            self.controller.change_settings(speak_answers=False)
            self.dictation.tell(problem)
        return problem is None

    def _apply(self, settings: Settings) -> None:
        """The settings changed."""
        before, self._settings = self._settings, settings
        if settings.hands_free != before.hands_free:
            if settings.hands_free:
                self._listen()
            else:
                self.hands_free.stop()
        elif self.hands_free.on and settings.voice_input != before.voice_input:
            self.hands_free.stop()
            self.hands_free.start(settings.voice_input)
        if not settings.speak_answers:
            self._silence()
        elif self._speaker is not None:
            self._speaker.choose(settings.speech_voice, settings.speech_rate)
        self._show_switches()

    def _silence(self) -> None:
        if self._reader is not None:
            self._reader.stop()

    def _hear(self, event: AssistantEvent) -> None:
        """Called on any thread: only what voice needs crosses over."""
        if isinstance(event, NodeFinished) or (
            self._settings.speak_answers and isinstance(event, (NodeAdded, NodeDelta))
        ):
            self._bridge.post(event)

    def _handle(self, event: object) -> None:
        if self._settings.speak_answers:
            self._read(event)
        if isinstance(event, NodeFinished):
            self._send()

    def _read(self, event: object) -> None:
        assert isinstance(event, (NodeAdded, NodeDelta, NodeFinished))
        if self._reader is None:
            from .read_aloud import ReadAloud

            if not self._can_speak():  # it may have gone since it was switched on
                return
            speaker = self.speaker()
            speaker.choose(self._settings.speech_voice, self._settings.speech_rate)
            self._reader = ReadAloud(speaker)
        self._reader.follow(event, self.controller.state.conversation_id)

    def _show(self, _: object = None) -> None:
        """Dictation has the word while it has something to say; else hands-free, if it is on."""
        dictated = self.dictation.state
        state: VoiceState = self.hands_free.state if dictated.quiet else dictated
        self.strip.show_state(state, holds=self._settings.voice_hold)
        self.composer.show_recording(on=self.dictation.recording)

    def _dismiss(self) -> None:
        if self.dictation.state.phase is VoicePhase.IDLE:
            self.dictation.tell()
        if self.hands_free.on:
            self.hands_free.tell(None)

    def _show_switches(self) -> None:
        settings = self.controller.assistant.settings
        self.composer.show_voice(
            hands_free=settings.hands_free, speaks=settings.speak_answers, holds=settings.voice_hold
        )

    def _connect(self) -> None:
        composer, strip, controller = self.composer, self.strip, self.controller
        composer.microphone.pressed.connect(self.press)
        composer.microphone.released.connect(self.release)
        composer.hands_free.clicked.connect(lambda on: self._switch_hands_free(on=on))
        composer.speak.clicked.connect(self._switch_speech)
        strip.done_pressed.connect(lambda: self.dictation.end(held=False))
        strip.discard_pressed.connect(self.dictation.discard)
        strip.dismissed.connect(self._dismiss)
        strip.model_ready.connect(self._model_ready)
        self.dictation.changed.connect(self._show)
        self.hands_free.changed.connect(self._show)
        self.hands_free.began.connect(self._barge_in)
        self.hands_free.rested.connect(self._send)
        self.hands_free.ended.connect(self._hands_free_ended)
        controller.settings_changed.connect(self._apply)
        controller.images.sounds_offered.connect(self.handle_audio_files)
