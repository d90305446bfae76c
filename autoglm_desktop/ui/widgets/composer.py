"""Where a message is written: a growing field, ways to attach, the thinking switch, send that turns into stop."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QFocusEvent, QKeyEvent, QTextCursor, QTextDocument
from PySide6.QtWidgets import QHBoxLayout, QPlainTextDocumentLayout, QVBoxLayout

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.images.sources import carries
from autoglm_desktop.ui.images.strip import AttachmentStrip
from autoglm_desktop.ui.style import Theme, ink_on

from .enter_field import EnterField
from .parts import Panel, describe, paint_icon, restyle, shortcut_name, tool_button

_MAX_LINES = 8


class PromptEdit(EnterField):
    """The text field, as tall as its text; ↑ in the empty field asks for the last message."""

    recall_pressed = Signal()
    focus_changed = Signal(bool)
    offered = Signal(object)
    """Pasted `QMimeData` with images or files in it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("prompt")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.use(QTextDocument(self))

    def use(self, document: QTextDocument) -> None:
        """Write in this document from now on; the one before keeps its text."""
        if not isinstance(document.documentLayout(), QPlainTextDocumentLayout):
            document.setDocumentLayout(QPlainTextDocumentLayout(document))
            document.documentLayout().documentSizeChanged.connect(self.fit)
        document.setDefaultFont(self.font())
        document.setDocumentMargin(2)
        self.setDocument(document)
        self.moveCursor(QTextCursor.MoveOperation.End)
        self.fit()

    def fit(self, *_: object) -> None:
        """Take the height of the text, between one line and eight; only a longer one gets a scroll bar.

        Qt's own choice swings without end where the bar breaks a line: the field grows, the bar goes, it shrinks.
        """
        wanted = round(self.document().size().height())
        bar = Qt.ScrollBarPolicy.ScrollBarAlwaysOn if wanted > _MAX_LINES else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(bar)
        lines = max(1, min(_MAX_LINES, wanted))
        frame = round(self.document().documentMargin() * 2) + 8
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + frame)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Up and not self.toPlainText() and not self.composing:
            self.recall_pressed.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focus_changed.emit(False)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return carries(source) or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste as plain text, without the object replacement characters that web pages leave behind."""
        if carries(source):
            self.offered.emit(source)
        else:
            self.insertPlainText(source.text().replace("\ufffc", ""))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if carries(event.mimeData()):
            event.ignore()  # the window takes it, wherever it is dropped
        else:
            super().dragEnterEvent(event)


class Composer(Panel):
    """The field with its buttons. `submitted` carries the trimmed text; the field empties when told `clear`."""

    submitted = Signal(str)
    stop_requested = Signal()
    think_toggled = Signal(bool)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("composer")
        self.edit = PromptEdit()
        self.strip = AttachmentStrip(look)
        self.attach, self.camera, self.screenshot = tool_button(), tool_button(), tool_button()
        self.microphone = tool_button()
        self.hands_free, self.speak = tool_button(checkable=True), tool_button(checkable=True)
        self.think, self.send = tool_button(checkable=True), tool_button()
        self.last_prompt = ""
        self._busy = self._stopping = False
        self._blocked = ""
        self._images, self._waiting, self._sees = 0, False, False
        self._temporary = False
        self._holds, self._recording = True, False
        self._lay_out()
        self._connect()
        self.settle()

    @property
    def busy(self) -> bool:
        """Whether an answer is being made here, so that send is stop."""
        return self._busy

    def text(self) -> str:
        """What is written, trimmed."""
        return self.edit.toPlainText().strip()

    def set_text(self, text: str) -> None:
        """Replace the text and put the cursor at its end."""
        self.edit.setPlainText(text)
        self.edit.moveCursor(QTextCursor.MoveOperation.End)

    def show_state(self, *, busy: bool, stopping: bool = False, blocked: str = "") -> None:
        """`busy` turns send into stop, `stopping` says that stop was heard; `blocked` is why nothing can be sent."""
        self._busy, self._stopping, self._blocked = busy, stopping, blocked
        self._update_send()

    def show_temporary(self, *, temporary: bool) -> None:
        """Say in the empty field that this conversation is a temporary one."""
        self._temporary = temporary
        self.retranslate()

    def show_images(self, *, count: int, waiting: bool) -> None:
        """How many images the message has; while one is `waiting` to be taken in, nothing can be sent."""
        self._images, self._waiting = count, waiting
        self._update_send()

    def show_model(self, *, sees: bool) -> None:
        """Whether the model sees images itself."""
        self._sees = sees
        self.strip.show_model(sees=sees)
        self.retranslate()

    def show_voice(self, *, hands_free: bool, speaks: bool, holds: bool) -> None:
        """How the switches of voice stand; `holds`: the microphone button is held while one speaks."""
        self.hands_free.setChecked(hands_free)
        self.speak.setChecked(speaks)
        self._holds = holds
        self.retranslate()
        self.set_theme(self.look.theme)

    def show_recording(self, *, on: bool) -> None:
        """Whether the microphone is on for this message."""
        if on != self._recording:
            self._recording = on
            self._paint_voice()

    def submit(self) -> None:
        """Send what is written or attached, if anything and if that is possible now."""
        if self._ready and not self._busy:
            self.submitted.emit(self.text())

    @property
    def _ready(self) -> bool:
        return bool(self.text() or self._images) and not (self._blocked or self._waiting)

    def retranslate(self) -> None:
        temporary = tr("Temporary chat: nothing is written to disk…")
        self.edit.setPlaceholderText(temporary if self._temporary else tr("Write a message…"))
        describe(
            self.edit, tr("Message"), tr("Enter sends, Shift+Enter breaks the line, ↑ brings the last message back")
        )
        told = tr("This model does not see images: it is told the text and the labels that are read in them.")
        for button, name, key in (
            (self.attach, tr("Attach images"), "Ctrl+U"),
            (self.camera, tr("Take a photo"), "Ctrl+Shift+P"),
            (self.screenshot, tr("Take a screenshot of a region"), "Ctrl+Shift+S"),
        ):
            words = f"{name} ({shortcut_name(key)})"
            describe(button, name, words if self._sees else f"{words}\n{told}")
        hold, press = tr("Hold to talk (Ctrl+Space)"), tr("Press to talk, press again to end (Ctrl+Space)")
        describe(self.microphone, tr("Microphone"), hold if self._holds else press)
        hands_free = tr("Hands-free: listen all the time and send what is said. Use headphones with speech output.")
        describe(self.hands_free, tr("Hands-free"), hands_free)
        describe(self.speak, tr("Read answers aloud"), tr("Read answers aloud (Esc stops)"))
        self.think.setText(tr("Think"))
        describe(self.think, tr("Think"), tr("Let the model reason before it answers (Ctrl+T)"))
        self._update_send()

    def set_theme(self, theme: Theme) -> None:
        for button, name in (
            (self.attach, "plus"),
            (self.camera, "camera"),
            (self.screenshot, "selection"),
        ):
            paint_icon(button, name, theme)
        self._paint_voice()
        paint_icon(self.think, "brain", theme, theme.accent if self.think.isChecked() else None)
        self.edit.fit()
        self._update_send()

    def _paint_voice(self) -> None:
        theme = self.look.theme
        icon = "microphone-fill" if self._recording else "microphone"
        paint_icon(self.microphone, icon, theme, theme.hot if self._recording else None)
        for button, name in ((self.hands_free, "headset"), (self.speak, "speaker-high")):
            paint_icon(button, name, theme, theme.accent if button.isChecked() else None)

    def _update_send(self) -> None:
        theme = self.look.theme
        self.send.setProperty("stops", self._busy)
        restyle(self.send)
        self.send.setEnabled(not self._stopping if self._busy else self._ready)
        fill = theme.hot if self._busy else theme.accent
        name = "stop-fill" if self._busy else "arrow-up-bold"
        paint_icon(self.send, name, theme, ink_on(fill))
        if self._busy:
            describe(self.send, tr("Stopping…") if self._stopping else tr("Stop"), tr("Stop the answer (Esc)"))
        else:
            describe(self.send, tr("Send"), self._why_not() or tr("Send the message (Enter)"))

    def _why_not(self) -> str:
        """Why nothing can be sent now; empty when something can."""
        if self._blocked or self._ready:
            return self._blocked
        return tr("An image is still being taken in.") if self._waiting else tr("Write a message or attach an image.")

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 10)
        column.setSpacing(8)
        column.addWidget(self.strip)
        column.addWidget(self.edit)
        row = QHBoxLayout()
        row.setSpacing(6)
        voice = (self.microphone, self.hands_free, self.speak)
        for button in (self.attach, self.camera, self.screenshot, *voice, self.think):
            row.addWidget(button)
        row.addStretch()
        row.addWidget(self.send)
        column.addLayout(row)
        self.think.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.think.setProperty("role", "word")
        self.send.setObjectName("send")
        self.send.setFixedSize(34, 34)

    def _connect(self) -> None:
        self.edit.send_pressed.connect(self.submit)
        self.edit.recall_pressed.connect(lambda: self.set_text(self.last_prompt))
        self.edit.focus_changed.connect(self._show_focus)
        self.edit.textChanged.connect(self._update_send)
        self.send.clicked.connect(lambda: self.stop_requested.emit() if self._busy else self.submit())
        self.think.toggled.connect(lambda: paint_icon(self.think, "brain", self.look.theme, self._think_color()))
        self.think.clicked.connect(self.think_toggled)

    def _think_color(self) -> str | None:
        return self.look.theme.accent if self.think.isChecked() else None

    def _show_focus(self, focused: bool) -> None:
        self.setProperty("focused", focused)
        restyle(self)
