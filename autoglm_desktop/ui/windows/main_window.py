"""The window: sidebar, conversation, energy panel. It arranges; the controller decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.brand import window_icon
from autoglm_desktop.ui.energy.one_line import EnergyLine
from autoglm_desktop.ui.energy.panel import EnergyPanel
from autoglm_desktop.ui.style import COLUMN_PX
from autoglm_desktop.ui.voice.strip import VoiceStrip
from autoglm_desktop.ui.widgets.banner import BannerArea
from autoglm_desktop.ui.widgets.composer import Composer
from autoglm_desktop.ui.widgets.sidebar import Sidebar
from autoglm_desktop.ui.widgets.top_bar import TopBar
from autoglm_desktop.ui.widgets.transcript import TranscriptView

from .keys_dialog import KEYS

_DOCK_FITS_PX, _SIDEBAR_FITS_PX = 1080, 760
_SCROLL_BAR_PX = 10
"""As wide as the style sheet makes it. The composer stands exactly below the column beside it."""
_FRAME_PX = 40
"""Left for the window manager's title bar at the first start."""


class MainWindow(QMainWindow):
    """All parts of the window, and its geometry between two runs (in `places`, an INI file)."""

    closing = Signal()

    def __init__(self, look: Appearance, places: Path) -> None:
        super().__init__()
        self.look = look
        self._places = QSettings(str(places), QSettings.Format.IniFormat)
        self.setWindowIcon(window_icon())
        self.setMinimumSize(QSize(480, 420))
        self.sidebar, self.top_bar, self.dock = Sidebar(look), TopBar(look), EnergyPanel(look)
        self.transcript = TranscriptView(look.theme)
        self.composer, self.banners = Composer(look), BannerArea(look)
        self.voice = VoiceStrip(look)
        self.status_line = EnergyLine(look)
        self.pages = QStackedWidget()
        self._shortcuts: list[QShortcut] = []
        self._lay_out()
        self.top_bar.sidebar_toggled.connect(self.toggle_sidebar)
        self.top_bar.dock_toggled.connect(self.toggle_dock)
        self.dock.close_requested.connect(self.toggle_dock)
        self.status_line.clicked.connect(self.toggle_dock)
        look.language_changed.connect(self.retranslate)
        look.theme_changed.connect(self.transcript.set_theme)
        look.language_changed.connect(self.transcript.retranslate)
        self.retranslate()
        self._restore()

    def bind_keys(self, commands: dict[str, Callable[[], object]]) -> None:
        """Make the window's shortcuts from the list of keys. Raises KeyError for a command nobody handles."""
        for key in KEYS:
            if key.command:
                shortcut = QShortcut(QKeySequence(key.sequence), self)
                shortcut.setAutoRepeat(False)  # a key that is held is one command
                shortcut.activated.connect(commands[key.command])
                self._shortcuts.append(shortcut)

    def add_page(self, page: QWidget) -> None:
        """A page that can stand in the place of the conversation."""
        self.pages.addWidget(page)

    def show_page(self, page: QWidget | None) -> None:
        """Show `page` instead of the conversation, or the conversation again."""
        self.pages.setCurrentWidget(page if page is not None else self._chat)
        self.top_bar.setVisible(page is None)

    @property
    def chat(self) -> QWidget:
        """The page of the conversation."""
        return self._chat

    @property
    def chat_shown(self) -> bool:
        """Whether the conversation is shown, not another page."""
        return self.pages.currentWidget() is self._chat

    def toggle_sidebar(self) -> None:
        self.sidebar.setVisible(self.sidebar.isHidden())

    def toggle_dock(self) -> None:
        self.dock.setVisible(self.dock.isHidden())
        self.statusBar().setVisible(self.dock.isHidden())

    def come_forward(self) -> None:
        """Show, raise and focus, from wherever the window is."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def retranslate(self) -> None:
        """Names of the window's own parts."""
        self.setWindowTitle("AutoGLM Desktop")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        before, now = event.oldSize().width(), event.size().width()
        if before >= _DOCK_FITS_PX > now and self.dock.isVisible():
            self.toggle_dock()
        if before >= _SIDEBAR_FITS_PX > now and self.sidebar.isVisible():
            self.toggle_sidebar()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._places.setValue("geometry", self.saveGeometry())
        self._places.setValue("sidebar", not self.sidebar.isHidden())
        self._places.setValue("dock", not self.dock.isHidden())
        self._places.sync()
        self.closing.emit()
        super().closeEvent(event)

    def _restore(self) -> None:
        geometry = self._places.value("geometry")
        if geometry is None or not self.restoreGeometry(geometry):
            room = self.screen().availableSize()
            self.resize(min(1440, room.width()), min(900, room.height() - _FRAME_PX))
        self.sidebar.setVisible(bool(self._places.value("sidebar", True, type=bool)))
        if not self._places.value("dock", self.width() >= _DOCK_FITS_PX, type=bool):
            self.dock.hide()
        self.statusBar().setVisible(self.dock.isHidden())

    def _lay_out(self) -> None:
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        center = QWidget()
        center.setObjectName("center")
        column = QVBoxLayout(center)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top_bar)
        column.addWidget(_centered(self.banners, margin_px=24))  # above every page, not only the conversation
        self._chat = self._chat_page()
        self.pages.addWidget(self._chat)
        column.addWidget(self.pages, 1)
        row.addWidget(self.sidebar)
        row.addWidget(center, 1)
        row.addWidget(self.dock)
        self.setCentralWidget(whole)
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.status_line, 1)

    def _chat_page(self) -> QWidget:
        page = QWidget()
        page.setObjectName("chat")
        self.transcript.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # the column keeps its place
        foot = QVBoxLayout()
        foot.setContentsMargins(24, 0, 24 + _SCROLL_BAR_PX, 18)
        foot.setSpacing(10)
        foot.addWidget(_centered(self.voice))
        foot.addWidget(_centered(self.composer))
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.transcript, 1)
        column.addLayout(foot)
        return page


def _centered(widget: QWidget, *, margin_px: int = 0) -> QWidget:
    """`widget` in the middle, at most as wide as the column of the conversation."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(margin_px, 0, margin_px, 0)
    row.addStretch(1)
    row.addWidget(widget, 1000)
    row.addStretch(1)
    widget.setMaximumWidth(COLUMN_PX)
    return holder
