"""The settings of voice: which microphone, which language, hands-free, and how answers are read aloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QSlider

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.wheel import scrolls_past

from .page import SettingsPage, tell

if TYPE_CHECKING:
    from autoglm_desktop.devices.microphone import InputDevice, Microphone
    from autoglm_desktop.devices.speaker import Speaker

LANGUAGES = (
    ("auto", msg("Found by the model")),
    ("zh", msg("Chinese")),
    ("en", msg("English")),
    ("ja", msg("Japanese")),
    ("ko", msg("Korean")),
    ("de", msg("German")),
    ("fr", msg("French")),
    ("es", msg("Spanish")),
    ("ru", msg("Russian")),
)
_SLOWEST, _FASTEST = -10, 10


class VoicePage(SettingsPage):
    """Devices and voices are asked for when the page is first shown."""

    def __init__(
        self,
        look: Appearance,
        settings: Settings,
        microphone: Callable[[], Microphone],
        speaker: Callable[[], Speaker],
    ) -> None:
        super().__init__(look)
        self._settings, self._microphone, self._speaker = settings, microphone, speaker
        self._asked = False
        self.input = self.choice((), "voice_input")
        again = self.button(msg("Look again"), self._find_devices)
        self.row(msg("Microphone"), self.input, again)
        self.input_told = self.told("error")
        self.language = self.choice(LANGUAGES, "voice_language")
        self.row(msg("Language that you speak"), self.language)
        self.hold = self.check(msg("Hold it to talk (off: press it twice)"), "voice_hold")
        self.row(msg("Microphone button"), self.hold)
        self.hands_free = self.check(msg("Listen all the time and send what is said"), "hands_free")
        self.row(msg("Hands-free"), self.hands_free)
        self.note(msg("Speaking interrupts an answer. With loudspeakers the assistant may hear itself."))
        self.speak = self.check(msg("Read answers aloud"), "speak_answers")
        self.row(msg("Speech output"), self.speak)
        self.voice = self.choice((), "speech_voice")
        self.row(msg("Voice"), self.voice)
        self.rate = QSlider(Qt.Orientation.Horizontal)
        scrolls_past(self.rate)
        self.rate.setRange(_SLOWEST, _FASTEST)
        self.rate.valueChanged.connect(lambda value: self.say("speech_rate", value / _FASTEST))
        self.listen = self.button(msg("Try it"), self._try)
        self.row(msg("Speed"), self.rate, self.listen)
        self.speech_told = self.told()
        self._fill(self.input, [])
        self._fill(self.voice, [])
        self.settle()
        self.show_settings(settings)

    def title(self) -> str:
        return tr("Voice")

    def show_settings(self, settings: Settings) -> None:
        self._loading = True
        self._settings = settings
        self.language.setCurrentIndex(max(0, self.language.findData(settings.voice_language)))
        self.hold.setChecked(settings.voice_hold)
        self.hands_free.setChecked(settings.hands_free)
        self.speak.setChecked(settings.speak_answers)
        self.rate.setValue(round(settings.speech_rate * _FASTEST))
        _choose(self.input, settings.voice_input)
        _choose(self.voice, settings.speech_voice)
        self._loading = False

    def retranslate(self) -> None:
        super().retranslate()
        for box in (self.input, self.voice):
            if box.count():
                box.setItemText(0, tr("As the system"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._asked:
            self._asked = True
            self._find_devices()
            self._find_voices()

    def _find_devices(self) -> None:
        """Off the GUI thread: a sound system takes its time."""
        self.run("microphones", lambda _: self._microphone().devices(), self._devices_found, self._no_devices)

    def _devices_found(self, devices: Sequence[InputDevice]) -> None:
        self._fill(self.input, [device.name for device in devices])
        _choose(self.input, self._settings.voice_input)
        tell(self.input_told, "" if devices else tr("No microphone was found."))

    def _no_devices(self, error: ErrorReport) -> None:
        tell(self.input_told, error.line())

    def _find_voices(self) -> None:
        problem: Text | None = self._speaker().problem()
        voices = [] if problem is not None else [voice.name for voice in self._speaker().voices()]
        self._fill(self.voice, voices)
        _choose(self.voice, self._settings.speech_voice)
        for control in (self.speak, self.voice, self.rate, self.listen):
            control.setEnabled(problem is None)
        tell(self.speech_told, str(problem) if problem is not None else "")

    def _try(self) -> None:
        speaker = self._speaker()
        speaker.stop()
        speaker.choose(str(self.voice.currentData() or ""), self.rate.value() / _FASTEST)
        speaker.say(tr("This is how answers are read aloud."))

    def _fill(self, box: QComboBox, names: Sequence[str]) -> None:
        with QSignalBlocker(box):
            box.clear()
            box.addItem(tr("As the system"), "")
            for name in names:
                box.addItem(name, name)


def _choose(box: QComboBox, name: str) -> None:
    """Show what is chosen, also when it is not there now."""
    if name and box.findData(name) < 0:
        box.addItem(name, name)
    box.setCurrentIndex(box.findData(name))
