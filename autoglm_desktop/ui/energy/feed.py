"""From the energy service's thread to the GUI thread: the newest view alone, and only while it can be seen."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_view import EnergyView
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Panel


class Feed(QObject):
    """Calls `show` with views on the thread that made it. A view that a newer one overtook is never shown."""

    _woken = Signal()

    def __init__(self, service: EnergyService, show: Callable[[EnergyView], None], *, fast: bool) -> None:
        super().__init__()
        self._service, self._show, self._fast = service, show, fast
        self._lock = threading.Lock()
        self._newest: EnergyView | None = None
        self._end: Callable[[], None] | None = None
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def running(self) -> bool:
        return self._end is not None

    def run(self, *, wanted: bool) -> None:
        """Watch the service, or leave it alone."""
        if wanted and self._end is None:
            self._end = self._service.watch(self._post, fast=self._fast)
        elif not wanted and self._end is not None:
            self._end()
            self._end = None
            with self._lock:
                self._newest = None

    def _post(self, view: EnergyView) -> None:
        """Called on the energy thread."""
        with self._lock:
            waiting, self._newest = self._newest is not None, view
        if not waiting:
            self._woken.emit()

    def _deliver(self) -> None:
        with self._lock:
            view, self._newest = self._newest, None
        if view is not None and self.running:
            self._show(view)


class Viewer(Panel):
    """A part of the window that shows views while it can be seen: not hidden, its window not minimized."""

    fast = True
    """Ten views a second, or one."""

    def __init__(self, look: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self.feed: Feed | None = None
        self._watched_window: QWidget | None = None

    def follow(self, service: EnergyService) -> None:
        """Show this service's views from now on."""
        self._unfollow()
        self.feed = Feed(service, self.show_view, fast=self.fast)
        self._look_up()

    def leave(self) -> None:
        """Ask for nothing more: the window goes."""
        self._unfollow()

    def _unfollow(self) -> None:
        if self.feed is not None:
            self.feed.run(wanted=False)
            self.feed = None

    def show_view(self, view: EnergyView) -> None:
        """Draw a view. Called on the GUI thread."""

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        window = self.window()
        if window is not self._watched_window and window is not self:
            self._watched_window = window
            window.installEventFilter(self)
        self._look_up()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._look_up()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowStateChange:
            self._look_up()
        return False

    def _look_up(self) -> None:
        if self.feed is not None:
            self.feed.run(wanted=self.isVisible() and not self.window().isMinimized())
