"""What keeps the kiosk on the screen: whole, in front, active, and with every key for itself."""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from autoglm_desktop.devices.x_server import XServer

log = logging.getLogger(__name__)

_BEAT_MS = 300
_TRIES = 3
"""How often the window is asked back before it is made anew: a foreign parent, or none at all, does not let it go."""
_KEYS_TOLD_AFTER = 20
_CHANGES = {
    QEvent.Type.Expose,
    QEvent.Type.FocusIn,
    QEvent.Type.FocusOut,
    QEvent.Type.WindowStateChange,
    QEvent.Type.PlatformSurface,
}
_MAY_COVER = ("onboard", "florence", "xvkbd", "matchbox-keyboard", "maliit", "fcitx", "ibus")
"""How the names of on-screen keyboards and of input methods' lists begin."""


class Hold(QObject):
    """Looks several times a second whether the window fills the screen, and puts right what is not so.

    What the window manager was told may be undone by anybody, and a grab of the keyboard ends silently (the window was
    not on the screen for a moment, a menu was open) or is refused while the window manager holds a key. So both are
    asked for again and again.
    """

    def __init__(self, window: QWidget, composing: Callable[[], bool], *, keys: bool) -> None:
        """`composing`: whether an input method may show its list now. `keys`: ask the system for every key, too."""
        super().__init__(window)
        self._window, self._composing, self._keys = window, composing, keys
        platform = QGuiApplication.platformName()
        self._x11, self._stacks = platform == "xcb", platform in ("xcb", "windows", "cocoa")
        self._server: XServer | None = None
        self._misses = self._refused = 0
        self.keys_held = False
        """Whether the system gave every key at the last try."""
        self._timer = QTimer(self, interval=_BEAT_MS)
        self._timer.timeout.connect(self.beat)
        self._soon = QTimer(self, interval=0, singleShot=True)
        self._soon.timeout.connect(self.look)

    def begin(self) -> None:
        """From now on, until `end`. The window is shown."""
        self._server = XServer.connect() if self._x11 else None
        self._window.windowHandle().installEventFilter(self)
        self._timer.start()
        self._soon.start()

    def end(self) -> None:
        """Let everything go: the window may be closed."""
        if not self._timer.isActive():
            return
        self._timer.stop()
        self._soon.stop()
        self._window.windowHandle().removeEventFilter(self)
        if self.keys_held:
            self._window.windowHandle().setKeyboardGrabEnabled(False)
            self.keys_held = False
        if self._server is not None:
            self._server.close()
            self._server = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _CHANGES:
            self._soon.start()
        return False

    def beat(self) -> None:
        """Look, and put right; what cannot be put right is made anew, more and more seldom."""
        self._misses += not self.look()
        rounds, rest = divmod(self._misses, _TRIES)
        if self._x11 and rounds and not rest and rounds & (rounds - 1) == 0:
            log.info("the kiosk's window does not come back and is made anew")
            self._window.hide()
            self._window.windowHandle().destroy()
            self._bring_back()

    def look(self) -> bool:
        """Whether the window is where it belongs; else it is asked back."""
        there = self._is_there()
        if there:
            self._misses = 0
            self._fit()
            self._stay_in_front()
            self._hold_keys()
        else:
            self._bring_back()
        return there

    @property
    def _id(self) -> int:
        """The window's number on the server; another one after it was made anew."""
        return int(self._window.windowHandle().winId())

    def _is_there(self) -> bool:
        window = self._window
        shown = window.isVisible() and window.windowHandle().isExposed() and not window.isMinimized()
        return shown and window.isActiveWindow() and window.isFullScreen() and self._fills_the_screen()

    def _fills_the_screen(self) -> bool:
        """Only X11 lets a program know; elsewhere the window's states are all there is."""
        if self._server is None:
            return True
        shown, screen = self._server.shown(self._id), self._window.screen()
        if shown is None:
            return False
        ratio, area = screen.devicePixelRatio(), screen.geometry()
        wide, high = shown.right - shown.left, shown.bottom - shown.top
        return wide >= int(area.width() * ratio) and high >= int(area.height() * ratio)

    def _bring_back(self) -> None:
        self._fit()
        self._window.showFullScreen()
        if self._stacks:
            self._window.raise_()
        self._window.activateWindow()
        if self._server is not None:
            self._server.give_focus(self._id)

    def _fit(self) -> None:
        """Follow a screen that changed its size or went away, where no window manager does it."""
        area = self._window.screen().geometry()
        if self._x11 and self._window.geometry() != area:
            self._window.setGeometry(area)

    def _stay_in_front(self) -> None:
        """Above all but what belongs to it, and the one that keys go to."""
        own = QApplication.activePopupWidget() is not None or QToolTip.isVisible() or self._composing()
        if self._server is None or own:
            return
        if self._server.covering(self._id, _MAY_COVER):
            self._window.raise_()
            self._server.lift(self._id)
            for other in self._server.covering(self._id, _MAY_COVER):  # it asked no window manager for its place
                self._server.sink(other, self._id)
        if not self._server.has_focus(self._id):
            self._server.give_focus(self._id)

    def _hold_keys(self) -> None:
        """On X11 again and again, elsewhere once: Qt warns each time where it cannot be done."""
        if not self._keys or QApplication.activePopupWidget() is not None:
            return
        self._keys = self._x11
        self.keys_held = self._window.windowHandle().setKeyboardGrabEnabled(True)
        self._refused = 0 if self.keys_held else self._refused + 1
        if self._refused == (_KEYS_TOLD_AFTER if self._x11 else 1):
            log.warning("this desktop does not let the kiosk hold its own key combinations")
