"""The list of keys, from the same table that the window's shortcuts are made of."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Scroll, close_button, label


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it does. `command` names the window's handler; without one the key belongs to a widget."""

    sequence: str
    text: Text
    command: str = ""


KEYS = (
    Key("Return", msg("Send the message")),
    Key("Shift+Return", msg("Break the line")),
    Key("Up", msg("Bring the last message back, when the field is empty")),
    Key("Esc", msg("Stop the answer"), "escape"),
    Key("Ctrl+N", msg("New conversation"), "new_chat"),
    Key("Ctrl+Shift+N", msg("Temporary conversation"), "temporary_chat"),
    Key("Ctrl+K", msg("Search conversations"), "search"),
    Key("Ctrl+L", msg("Go to the message field"), "focus_prompt"),
    Key("Ctrl+B", msg("Show or hide the sidebar"), "toggle_sidebar"),
    Key("Ctrl+E", msg("Show or hide the energy panel"), "toggle_dock"),
    Key("Ctrl+Shift+E", msg("Energy history"), "energy_history"),
    Key("Ctrl+T", msg("Think before answering, on or off"), "toggle_think"),
    Key("Ctrl+M", msg("Models"), "models"),
    Key("Ctrl+U", msg("Attach images"), "attach"),
    Key("Ctrl+V", msg("Paste text or images"), "paste"),
    Key("Ctrl+Shift+P", msg("Take a photo"), "photo"),
    Key("Ctrl+Shift+S", msg("Take a screenshot of a region"), "screenshot"),
    Key("Ctrl+O", msg("Import a conversation"), "import_conversation"),
    Key("Ctrl+,", msg("Settings"), "settings"),
    Key("Ctrl+/", msg("This list"), "keys"),
    Key("Ctrl+Space", msg("Hold to talk"), "talk"),
    Key("F2", msg("Rename the conversation, in the list")),
    Key("Del", msg("Delete the conversation, in the list")),
    Key("Ctrl+Z", msg("Undo a deletion, in the list")),
    Key("Ctrl+Q", msg("Quit"), "quit"),
)


class KeysDialog(QDialog):
    """Shows `KEYS`, in the names that this platform gives them."""

    def __init__(self, look: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._title = label("heading")
        self.rows = [(label("value"), label("body")) for _ in KEYS]
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 12, 0)
        grid.setHorizontalSpacing(32)
        grid.setVerticalSpacing(8)
        for number, (key, text) in enumerate(self.rows):
            grid.addWidget(text, number, 0)
            grid.addWidget(key, number, 1)
        self._buttons = close_button(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(16)
        column.addWidget(self._title)
        scroll = Scroll(body)
        scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # nothing inside takes the keys that scroll
        column.addWidget(scroll, 1)
        column.addWidget(self._buttons)
        look.language_changed.connect(self.retranslate)
        self.retranslate()

    def retranslate(self) -> None:
        """Fill in names and keys in the current language."""
        self.setWindowTitle(tr("Keys"))
        self._title.setText(tr("Keys"))
        for key, (name, text) in zip(KEYS, self.rows, strict=True):
            name.setText(QKeySequence(key.sequence).toString(QKeySequence.SequenceFormat.NativeText))
            text.setText(str(key.text))
