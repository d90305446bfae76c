"""Hears when the keys that are held to talk are let go."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent

_KEYS = {Qt.Key.Key_Space, Qt.Key.Key_Control}
_LEFT = {QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate}


class HeldKey(QObject):
    """Watches the application from the press until the release, or until the window is left: then none comes."""

    def __init__(self, released: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._released = released
        self._held = False

    @property
    def held(self) -> bool:
        return self._held

    def press(self) -> None:
        """The keys are down."""
        application = QCoreApplication.instance()
        if not self._held and application is not None:
            self._held = True
            application.installEventFilter(self)

    def let_go(self) -> None:
        """Watch no more and tell it, if they were held."""
        application = QCoreApplication.instance()
        if self._held and application is not None:
            self._held = False
            application.removeEventFilter(self)
            self._released()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        if event.type() in _LEFT or _is_release(event):
            self.let_go()
        return False


def _is_release(event: QEvent) -> bool:
    if event.type() is not QEvent.Type.KeyRelease or not isinstance(event, QKeyEvent):
        return False
    return event.key() in _KEYS and not event.isAutoRepeat()
