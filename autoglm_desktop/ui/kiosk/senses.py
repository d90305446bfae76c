"""Microphone and camera for a visitor: hold to talk, a photo for the next question."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.kiosk import Allowed
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.devices.microphone import Microphone
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import icon
from autoglm_desktop.ui.images.pictures import encoded
from autoglm_desktop.ui.jobs import Job
from autoglm_desktop.ui.style import Theme, ink_on
from autoglm_desktop.ui.voice.dictation import Dictation
from autoglm_desktop.ui.voice.recorder import Recorders
from autoglm_desktop.ui.voice.scribe import Scribe
from autoglm_desktop.ui.voice.state import RECORDS, VoicePhase, VoiceState
from autoglm_desktop.ui.widgets.parts import Panel, describe, tool_button

_MIC_PX, _MIC_ICON_PX = 76, 32


class Senses(Panel):
    """`heard` with what was said so far, `told` with a sentence to show, `touched` when a visitor begins to speak."""

    heard = Signal(str)
    told = Signal(str)
    touched = Signal()
    photo_wanted = Signal()

    def __init__(
        self, look: Appearance, assistant: Assistant, allowed: Allowed, microphone: Callable[[], Microphone]
    ) -> None:
        """`microphone` is asked for when it is first used."""
        super().__init__(look)
        self._assistant = assistant
        self.talk, self.photo, self.drop = tool_button(), QPushButton(), QPushButton()
        self.image: ImagePart | None = None
        """The photo for the next question."""
        self._words = QPlainTextEdit()
        self._job: Job | None = None
        self.scribe = Scribe(assistant, self)
        self.recorders = Recorders(microphone, self)
        self.dictation = Dictation(self._words, self.scribe, self.recorders, parent=self)
        self.talk.setObjectName("kioskTalkButton")
        self.talk.setFixedSize(_MIC_PX, _MIC_PX)
        self.talk.setIconSize(QSize(_MIC_ICON_PX, _MIC_ICON_PX))
        for button in (self.photo, self.drop):
            button.setProperty("role", "kioskChip")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        for part in (self.talk, self.photo, self.drop):
            row.addWidget(part)
        self.talk.setVisible(allowed.microphone)
        self.photo.setVisible(allowed.camera)
        self.drop.hide()
        self._connect()
        self.settle()

    @property
    def busy(self) -> bool:
        """Whether something is being said, written down or taken in."""
        return self.dictation.state.phase is not VoicePhase.IDLE or self._job is not None

    def forget(self) -> None:
        """Nothing of a visitor is left here."""
        self.dictation.discard()
        self.recorders.join()
        self.dictation.tell()
        self._words.setPlainText("")
        self._words.document().clearUndoRedoStacks()
        if self._job is not None:
            self._job.close()
            self._job = None
        self.used_image()

    def used_image(self) -> None:
        """The photo went with a question."""
        self.image = None
        self.drop.hide()

    def close_all(self) -> None:
        """End threads and devices."""
        self.forget()
        self.scribe.close()

    def retranslate(self) -> None:
        describe(self.talk, tr("Hold to talk"))
        self.photo.setText(tr("Take a photo"))
        describe(self.photo, self.photo.text())
        self.drop.setText(tr("1 photo ✕"))
        describe(self.drop, tr("Leave the photo out"))

    def set_theme(self, theme: Theme) -> None:
        self._paint(theme, recording=False)

    def take_picture(self, picture: QImage) -> None:
        """Keep this photo for the next question."""
        name = tr("Photo")
        self._job = Job(
            lambda *_: self._assistant.take_in_image(encoded(picture), name=name), name="photo", parent=self
        )
        self._job.succeeded.connect(self._has_image)
        self._job.failed.connect(self._failed)
        self._job.start()

    def _has_image(self, part: object) -> None:
        self._end_job()
        if isinstance(part, ImagePart):
            self.image = part
            self.drop.show()
            self.told.emit(tr("Ask something about your photo."))

    def _failed(self, report: object) -> None:
        self._end_job()
        if isinstance(report, ErrorReport):
            self.told.emit(f"{report.cause} {report.next_step}")

    def _end_job(self) -> None:
        if self._job is not None:
            self._job.close()
            self._job = None

    def _press(self) -> None:
        self.touched.emit()
        self._words.setPlainText("")
        self.dictation.begin(self._assistant.settings.voice_input)

    def _voice(self, state: VoiceState) -> None:
        recording = state.phase in RECORDS
        self._paint(self.look.theme, recording=recording)
        if state.offers_model:
            self.told.emit(tr("Speech is not set up on this machine; please write."))
        elif state.problems:
            self.told.emit(state.problems[-1].line())
        elif state.told:
            self.told.emit(str(state.told[-1]))
        elif recording:
            self.told.emit(tr("Listening, {seconds} s", seconds=int(state.seconds)))
        elif state.phase is VoicePhase.WRITING:
            self.told.emit(tr("Writing down what you said…"))
        else:
            self.told.emit("")

    def _paint(self, theme: Theme, *, recording: bool) -> None:
        fill = theme.hot if recording else theme.accent
        self.talk.setIcon(icon("microphone-fill", ink_on(fill)))
        self.talk.setStyleSheet(
            f"QToolButton {{ background: {fill}; border-radius: {_MIC_PX // 2}px; }}"
            f"QToolButton:disabled {{ background: {theme.line}; }}"
        )

    def _connect(self) -> None:
        self.talk.pressed.connect(self._press)
        self.talk.released.connect(lambda: self.dictation.end(held=True))
        self.photo.clicked.connect(self.photo_wanted)
        self.drop.clicked.connect(self.used_image)
        self.dictation.changed.connect(self._voice)
        self._words.textChanged.connect(lambda: self.heard.emit(self._words.toPlainText()))
