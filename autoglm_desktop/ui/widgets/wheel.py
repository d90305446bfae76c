"""The mouse wheel scrolls a page; it never changes a value that happens to pass under the mouse."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QWidget


def scrolls_past(*boxes: QWidget) -> None:
    """Let these boxes turn with the wheel only while they have the focus, and do not give it to them for the wheel."""
    for box in boxes:
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box.installEventFilter(_Past(box))


class _Past(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()  # so that the page gets it
            return True
        return super().eventFilter(watched, event)
