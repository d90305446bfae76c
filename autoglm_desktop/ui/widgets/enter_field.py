"""A field for a message: what Enter does in it, wherever one is written."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class EnterField(QPlainTextEdit):
    """Enter sends (not while an input method composes, nor where Ctrl+Enter is chosen), Shift+Enter breaks the line."""

    send_pressed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.send_on_enter = True
        self._preedit = ""

    @property
    def composing(self) -> bool:
        """Whether an input method holds text that is not part of the document yet."""
        return bool(self._preedit)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        self._preedit = event.preeditString()
        super().inputMethodEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER and self.composing:
            event.ignore()  # the input method commits with it
        elif event.key() in _ENTER and self._sends(event.modifiers()):
            self.send_pressed.emit()
        else:
            super().keyPressEvent(event)

    def _sends(self, modifiers: Qt.KeyboardModifier) -> bool:
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            return False
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            return True
        return self.send_on_enter
