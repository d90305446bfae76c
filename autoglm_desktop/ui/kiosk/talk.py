"""The visitor's conversation, and the field to write in."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from autoglm_desktop.assistant.events import AssistantEvent, NodeAdded, NodeDelta, NodeFinished, NodePhase, TierChanged
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.transcript.view import TranscriptView
from autoglm_desktop.ui.widgets.parts import Panel, card, describe, label


class Talk(Panel):
    """The transcript over a line of trouble, when there is one."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.view = TranscriptView(look.theme, kiosk=True)
        self.trouble = label("kioskLine", wrap=True)
        self.trouble.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        frame, inner = card()
        inner.addWidget(self.view)
        frame.setObjectName("kioskTalk")
        column.addWidget(frame, 1)
        column.addWidget(self.trouble)
        self.settle()

    def set_theme(self, theme: Theme) -> None:
        self.view.set_theme(theme)

    def retranslate(self) -> None:
        self.view.retranslate()

    def show_trouble(self, text: str) -> None:
        """A sentence below the conversation; empty: none."""
        self.trouble.setText(text)
        self.trouble.setVisible(bool(text))

    def show_path(self, nodes: Sequence[Node]) -> None:
        """The whole conversation."""
        self.view.set_path(nodes)

    def take(self, event: AssistantEvent, conversation_id: str | None) -> None:
        """Show what happened, if it happened in this conversation."""
        match event:
            case NodeAdded(node) if node.conversation_id == conversation_id:
                self.view.add_node(node)
            case NodeDelta() if event.conversation_id == conversation_id:
                self.view.append_delta(
                    event.node_id, event.text, event.reasoning, start=event.start, tokens=event.tokens
                )
            case NodePhase() if event.conversation_id == conversation_id:
                self.view.set_phase(event.node_id, event.phase, event.fraction)
            case TierChanged() if event.conversation_id == conversation_id:
                self.view.add_tier_notice(event.node_id, event.switch)
            case NodeFinished(node) if node.conversation_id == conversation_id:
                self.view.finish_node(node)

    def clear(self) -> None:
        """Nothing of a visitor is left in the widgets."""
        self.show_trouble("")
        self.view.forget()


class AskBar(Panel):
    """`asked` with the trimmed text; while an answer is made the button stops it."""

    asked = Signal(str)
    stop_requested = Signal()

    def __init__(self, look: Appearance, max_chars: int) -> None:
        super().__init__(look)
        self.edit, self.button = QLineEdit(), QPushButton()
        self._busy = False
        self.edit.setObjectName("kioskEdit")
        self.edit.setMaxLength(max_chars)
        self.edit.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.button.setProperty("role", "kioskPrimary")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.edit, 1)
        row.addWidget(self.button)
        self.edit.returnPressed.connect(self._pressed)
        self.button.clicked.connect(self._pressed)
        self.settle()

    def retranslate(self) -> None:
        self.edit.setPlaceholderText(tr("Touch here and write your question…"))
        describe(self.edit, tr("Your question"))
        self.button.setText(tr("Stop") if self._busy else tr("Ask"))
        describe(self.button, self.button.text())

    def show_busy(self, *, busy: bool) -> None:
        """Whether an answer is being made."""
        self._busy = busy
        self.retranslate()

    def clear(self) -> None:
        """Empty the field and what Ctrl+Z would bring back."""
        self.edit.clear()
        self.edit.setText("")

    def _pressed(self) -> None:
        if self._busy:
            self.stop_requested.emit()
        elif text := self.edit.text().strip():
            self.asked.emit(text)
