"""Hears when the keys that are held to talk are let go."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent

_KEYS = {Qt.Key.Key_Space, Qt.Key.Key_Control}
_LEFT = {QEvent.Type.ApplicationDeactivate, QEvent.Type.WindowDeactivate}
_DOWN = {QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress}
_REPEAT_MS = 90
"""A key that comes down again so soon was never let go: some X servers repeat a held key as release and press."""


class HeldKey(QObject):
    """Watches the application from the press until the release, or until the window is left: then none comes."""

    def __init__(self, released: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._released = released
        self._held = False
        self._up = QTimer(self, singleShot=True, interval=_REPEAT_MS)
        self._up.timeout.connect(self.let_go)

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
        self._up.stop()
        application = QCoreApplication.instance()
        if self._held and application is not None:
            self._held = False
            application.removeEventFilter(self)
            self._released()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in _LEFT:
            self.let_go()
        elif isinstance(event, QKeyEvent) and event.key() in _KEYS:
            if kind in _DOWN:
                self._up.stop()
            elif kind is QEvent.Type.KeyRelease and not event.isAutoRepeat() and not self._up.isActive():
                self._up.start()
        return False
