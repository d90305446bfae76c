"""A quiet word with a caret that opens a menu of choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QActionGroup, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton

from autoglm_desktop.core.i18n import Text
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import icon
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import describe

_CARET_PX = 11


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of the menu."""

    key: object
    text: str
    tip: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """Choices of which one is ticked, with an optional title above them."""

    title: str
    choices: tuple[Choice, ...]
    current: object


class Chooser(QToolButton):
    """Shows what is chosen; `chosen` tells the key of what a person takes instead."""

    chosen = Signal(object)

    def __init__(self, look: Appearance, name: Text) -> None:
        """`name` says what is chosen, for tooltip and screen readers."""
        super().__init__()
        self._groups: tuple[Group, ...] = ()
        self._name, self._full, self._tip = name, "", ""
        self.setProperty("role", "chooser")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.setIconSize(QSize(_CARET_PX, _CARET_PX))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda: self.make_menu().popup(self.mapToGlobal(QPoint(0, self.height() + 2))))
        look.theme_changed.connect(self.set_theme)
        look.language_changed.connect(self._describe)
        self.set_theme(look.theme)
        self._describe()

    def show_choices(self, text: str, groups: Sequence[Group], tip: str = "") -> None:
        """`text` is what is chosen, in short."""
        made = tuple(groups)
        if (made, text, tip) != (self._groups, self._full, self._tip):
            self._groups, self._full, self._tip = made, text, tip
            self._describe()
            self._elide()

    def set_widest(self, pixels: int) -> None:
        """Never become wider than this: the text is shortened at its end."""
        self.setMaximumWidth(pixels)
        self._elide()

    def set_theme(self, theme: Theme) -> None:
        self.setIcon(icon("caret-down-bold", theme.muted))

    def make_menu(self) -> QMenu:
        """The menu as it is now; it deletes itself when it closes."""
        menu = QMenu(self)
        menu.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for number, group in enumerate(self._groups):
            if group.title:
                menu.addAction(group.title).setEnabled(False)
            elif number:
                menu.addSeparator()
            self._add(menu, group)
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.click()
            return
        super().keyPressEvent(event)

    def _add(self, menu: QMenu, group: Group) -> None:
        ticked = QActionGroup(menu)
        for choice in group.choices:
            action = menu.addAction(choice.text)
            action.setCheckable(True)
            action.setChecked(choice.key == group.current)
            action.setToolTip(choice.tip or choice.text)
            action.setEnabled(choice.enabled)
            action.triggered.connect(lambda _=False, key=choice.key: self.chosen.emit(key))
            ticked.addAction(action)

    def _describe(self) -> None:
        name = f"{self._name}: {self._full}" if self._full else str(self._name)
        describe(self, name, self._tip or None)

    def _elide(self) -> None:
        room = self.maximumWidth() - _CARET_PX - 24
        self.setText(QFontMetrics(self.font()).elidedText(self._full, Qt.TextElideMode.ElideRight, room))
