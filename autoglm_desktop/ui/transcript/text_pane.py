"""Text that can be selected, as tall as it is: never a scroll bar of its own for the height."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QPalette,
    QTextCursor,
    QTextFormat,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QMenu, QTextBrowser, QToolTip, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.style import ink_on

from .links import open_link
from .look import Look

SOURCE_PROPERTY = int(QTextFormat.Property.UserProperty) + 1
"""On pictures of formulas: the LaTeX source, which is what a selection copies."""


class TextPane(QTextBrowser):
    """A document without frame, background and vertical scrolling."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = look
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLineWrapMode(QTextBrowser.LineWrapMode.FixedPixelWidth)
        self.document().setDocumentMargin(0)
        self.document().setDefaultFont(look.font(14))
        self.viewport().setAutoFillBackground(False)
        self.setPalette(_palette(look))
        self.anchorClicked.connect(open_link)
        self.highlighted.connect(self._tell_link)

    def text_height(self, width: int) -> int:
        """Height of the whole text at `width` logical pixels, whatever size the widget has now."""
        if self.lineWrapColumnOrWidth() != width:
            self.setLineWrapColumnOrWidth(width)
        return int(self.document().size().height() + 0.999)

    def loadResource(self, _kind: int, _name: QUrl | str) -> None:
        """Nothing is loaded from anywhere; pictures of formulas are put into the document."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the conversation scrolls

    def createMimeDataFromSelection(self) -> QMimeData:
        """The selection as plain text with formulas as LaTeX."""
        data = QMimeData()
        data.setText(selected_text(self.textCursor()))
        return data

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(tr("Copy selection"), self.copy)
        copy.setEnabled(self.textCursor().hasSelection())
        menu.addAction(tr("Select all"), self.selectAll)
        href = self.anchorAt(event.pos())
        if href:
            menu.addAction(tr("Copy link"), lambda: QGuiApplication.clipboard().setText(href))
        menu.popup(event.globalPos())

    def _tell_link(self, url: QUrl) -> None:
        place = self.cursor().pos() + QPoint(0, 12)
        QToolTip.showText(place, url.toString(), self) if not url.isEmpty() else QToolTip.hideText()


def selected_text(cursor: QTextCursor) -> str:
    """What a cursor selects, with the LaTeX source in the place of pictures."""
    if not cursor.hasSelection():
        return ""
    first, last = cursor.selectionStart(), cursor.selectionEnd()
    text = cursor.selectedText().replace("\u2029", "\n").replace("\u2028", "\n")
    if "\ufffc" not in text:
        return text
    document, out, place = cursor.document(), [], first
    probe = QTextCursor(document)
    for character in text:
        place += 2 if ord(character) > 0xFFFF else 1
        if character == "\ufffc":
            probe.setPosition(min(place, last))
            character = str(probe.charFormat().property(SOURCE_PROPERTY) or "")  # noqa: PLW2901
        out.append(character)
    return "".join(out)


def _palette(look: Look) -> QPalette:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
    palette.setColor(QPalette.ColorRole.Text, look.ink(look.theme.text))
    palette.setColor(QPalette.ColorRole.Highlight, look.theme.accent)
    palette.setColor(QPalette.ColorRole.HighlightedText, ink_on(look.theme.accent))
    return palette
