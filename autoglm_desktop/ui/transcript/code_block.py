"""A block of code: language, copy button, colours, and its own horizontal scrolling."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QWheelEvent,
)
from PySide6.QtWidgets import QTextEdit, QWidget

from autoglm_desktop.core.i18n import tr

from .blocks import Code
from .buttons import WordButton
from .highlight import Coloring, Lexers
from .look import Look
from .stack import Piece
from .text_pane import TextPane

_HEAD_PX, _PAD_PX, _RADIUS_PX = 34, 14, 10


class ScrollingPane(TextPane):
    """A text pane that may be wider than its place: scrolls sideways, and lets the conversation scroll up and down."""

    def fit(self, width: int) -> int:
        """Turn the bar on where `width` is too little; returns the height with it."""
        size = self.document().size()
        wide = size.width() > width + 0.5
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOn if wide else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setHorizontalScrollBarPolicy(policy)
        bar = self.horizontalScrollBar()
        bar.ensurePolished()
        return int(size.height() + 0.999) + (bar.sizeHint().height() if wide else 0)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta: QPoint = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            delta = QPoint(delta.y() or delta.x(), 0)
        bar = self.horizontalScrollBar()
        if abs(delta.x()) <= abs(delta.y()) or bar.maximum() == 0:
            event.ignore()
            return
        bar.setValue(bar.value() - delta.x() // 2)
        event.accept()


class CodeBlock(Piece):
    """Shows a `Code` leaf that may still grow."""

    def __init__(self, look: Look, lexers: Lexers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._code = Code("")
        self._settled = False
        self.pane = ScrollingPane(look, self)
        self.pane.setLineWrapMode(QTextEdit.LineWrapMode.NoWrap)
        self._format = QTextCharFormat()
        self._format.setFont(look.mono())
        self._format.setForeground(QColor(look.theme.text))
        self.pane.move(_PAD_PX, _HEAD_PX)
        self._coloring = Coloring(self.pane.document(), look, lexers)
        self.copy_button = WordButton(look, tr("Copy"), self)
        self.copy_button.clicked.connect(self._copy)
        self._set_line_height()

    @property
    def code(self) -> Code:
        return self._code

    @property
    def coloring(self) -> Coloring:
        return self._coloring

    def set_code(self, code: Code) -> None:
        """Show `code`; only what is new is laid out when it begins with what is shown."""
        if code == self._code:
            return
        old, self._code = self._code, code
        self._settled = False
        grown = code.text.startswith(old.text)
        cursor = QTextCursor(self.pane.document())
        if not grown:
            cursor.select(QTextCursor.SelectionType.Document)
        else:
            cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(code.text[len(old.text) :] if grown else code.text, self._format)
        if code.language != old.language:
            self._coloring.set_language(code.language)
        else:
            self._coloring.grow()
        self._name()

    def settle(self) -> None:
        """No more text will come. Does something once only."""
        if not self._settled:
            self._settled = True
            self._coloring.settle()

    def arrange(self, width: int) -> int:
        inner = width - 2 * _PAD_PX
        height = self.pane.fit(inner)
        self.pane.setGeometry(_PAD_PX, _HEAD_PX, inner, height)
        button = self.copy_button.sizeHint()
        self.copy_button.setGeometry(width - button.width() - 6, 5, button.width(), button.height())
        return _HEAD_PX + height + (_PAD_PX if height < self.pane.document().size().height() + 1 else 4)

    def focusables(self) -> list[QWidget]:
        return [self.copy_button]

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(self._look.theme.line))
        painter.setBrush(QColor(self._look.wash))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS_PX, _RADIUS_PX)
        painter.setPen(self._look.ink(self._look.theme.muted, self._look.wash))
        painter.setFont(self._look.font(self._look.caption_px))
        box = self.rect().adjusted(_PAD_PX, 0, -self.copy_button.width() - 12, 0)
        box.setHeight(_HEAD_PX)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._code.language or tr("Text"))
        painter.end()

    def _name(self) -> None:
        language = self._code.language or tr("Text")
        self.pane.setAccessibleName(tr("Code in {language}", language=language))
        self.copy_button.setAccessibleName(tr("Copy code in {language}", language=language))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._code.text)
        self.copy_button.confirm(tr("Copied"))

    def _set_line_height(self) -> None:
        form = QTextBlockFormat()
        line = round(self._look.theme.px(13) * 1.55)
        form.setLineHeight(line, int(QTextBlockFormat.LineHeightTypes.FixedHeight.value))
        cursor = QTextCursor(self.pane.document())
        cursor.setBlockFormat(form)
        cursor.setBlockCharFormat(self._format)
