"""The two ways by which a shown value is copied: Ctrl+C and a menu."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from autoglm_desktop.core.i18n import tr


def open_copy_menu(owner: QWidget, copy: Callable[[], None], at: QPoint | None = None) -> None:
    """A menu that copies, at a place of the screen or else in the middle of its owner; it deletes itself."""
    menu = QMenu(owner)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction(tr("Copy"), QKeySequence(QKeySequence.StandardKey.Copy), copy)
    menu.popup(at if at is not None else owner.mapToGlobal(owner.rect().center()))


def copy_key(event: QKeyEvent, owner: QWidget, copy: Callable[[], None]) -> bool:
    """Ctrl+C copies and the Menu key opens the menu; False for any other key."""
    if event.matches(QKeySequence.StandardKey.Copy):
        copy()
    elif event.key() == Qt.Key.Key_Menu:
        open_copy_menu(owner, copy)
    else:
        return False
    return True
