"""What keeps a visitor inside the kiosk: keys, the window's controls, links."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QApplication

log = logging.getLogger(__name__)

_ACTIVE = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.TouchBegin,
    QEvent.Type.TouchUpdate,
    QEvent.Type.KeyPress,
    QEvent.Type.Wheel,
    QEvent.Type.InputMethod,
}
_BEGINS = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.TouchBegin,
    QEvent.Type.KeyPress,
}
"""What somebody does who comes: a mouse that is pushed, or a wheel, is not yet a visitor."""
_EDITING = {Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_V, Qt.Key.Key_X, Qt.Key.Key_Z, Qt.Key.Key_Left, Qt.Key.Key_Right}
"""What Ctrl may be held for; Ctrl+Space is the microphone's."""
_LINKS = ("http", "https", "mailto", "file")


class Guard(QObject):
    """Watches the whole application from `watch` to `close`: swallows keys that lead out, hears of every touch.

    `touched` before a press, a touch or a key reaches the widget that it is for.
    """

    touched = Signal()

    def __init__(self, application: QApplication, on_staff: Callable[[], None], clock: Callable[[], float]) -> None:
        super().__init__()
        self._application, self._on_staff, self._clock = application, on_staff, clock
        self.touched_s = clock()
        """When somebody last touched screen, mouse or keys, by the clock."""
        self.composing = False
        """Whether an input method holds what is not yet written."""

    def watch(self) -> None:
        """Begin."""
        self._application.installEventFilter(self)
        for scheme in _LINKS:
            QDesktopServices.setUrlHandler(scheme, self, "stay")  # type: ignore[arg-type]  # a str is what it takes

    def close(self) -> None:
        """End it, and let links open again."""
        self._application.removeEventFilter(self)
        for scheme in _LINKS:
            QDesktopServices.unsetUrlHandler(scheme)

    @Slot(QUrl)
    def stay(self, url: QUrl) -> None:
        """A link of an answer was touched: nothing opens here."""
        log.info("a link was not opened (%s)", url.scheme())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _ACTIVE:
            self.touched_s = self._clock()
        if event.type() is QEvent.Type.InputMethod:
            self.composing = bool(cast(QInputMethodEvent, event).preeditString())
        if _begins(event):
            self.touched.emit()
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            return self._leads_out(cast(QKeyEvent, event))
        return event.type() is QEvent.Type.ContextMenu

    def _leads_out(self, event: QKeyEvent) -> bool:
        held, key = event.modifiers(), event.key()
        control = bool(held & Qt.KeyboardModifier.ControlModifier)
        alt = bool(held & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier))
        if control and alt and key == Qt.Key.Key_S:
            if event.type() is QEvent.Type.KeyPress:
                self._on_staff()
            return True
        if Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35 or key == Qt.Key.Key_Menu or alt:
            return True
        return control and key not in (*_EDITING, Qt.Key.Key_Control, Qt.Key.Key_Space)


def _begins(event: QEvent) -> bool:
    """Input methods also send events without text, to reset themselves."""
    if event.type() is QEvent.Type.InputMethod:
        written = cast(QInputMethodEvent, event)
        return bool(written.preeditString() or written.commitString())
    return event.type() in _BEGINS
