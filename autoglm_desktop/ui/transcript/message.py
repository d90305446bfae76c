"""Rows of the conversation as widgets: the user's bubble, the answer, the hairline of a tier switch."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QEnterEvent, QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.i18n import tr

from .body import Body, Tools
from .bubble import Bubble, PromptEditor
from .buttons import WordButton, Words
from .error_box import ErrorBox
from .flow import FlowRow
from .footer import Footer
from .images import ImagesPiece
from .incremental import MarkdownStream
from .intents import Intents
from .readings import Readings, has_readings
from .row import Notice, Row
from .stack import Piece, Stack
from .thinking import Thinking
from .words import accessible_name, ending_words, notice_words, phase_words

GUTTER_PX = 14
"""Left of the column: the mark of the row that has the focus."""
_AFTER_ANSWER_PX = 18


class MessageRow(Stack):
    """A message that Tab reaches, with a name for screen readers and a ring when it has the focus."""

    def __init__(self, tools: Tools, row: Row, intents: Intents, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tools, self.row, self.intents = tools, row, intents
        self._marked = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(accessible_name(row))

    def focusables(self) -> list[QWidget]:
        return [self, *super().focusables()]

    def arrange(self, width: int) -> int:
        height = super().arrange(width - GUTTER_PX)
        for piece in self.pieces:
            piece.move(piece.x() + GUTTER_PX, piece.y())
        return height

    def refresh_formulas(self) -> bool:
        """Draw formulas that arrived since; True when the row must be arranged again."""
        return False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._marked = event.reason() not in (Qt.FocusReason.MouseFocusReason, Qt.FocusReason.ActiveWindowFocusReason)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._marked = False
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        if self._marked:
            painter = QPainter(self)
            painter.fillRect(0, 2, 3, self.height() - 4, QColor(self.tools.look.theme.accent))
            painter.end()


class PromptRow(MessageRow):
    """What the user said, at the right, with its actions when the mouse or the focus is near."""

    def __init__(self, tools: Tools, row: Row, intents: Intents, parent: QWidget | None = None) -> None:
        super().__init__(tools, row, intents, parent)
        self.images: ImagesPiece | None = None
        self._gap_px = 0
        self._show_images(row)
        if row.draft is not None:
            editor = PromptEditor(tools.look, row.draft, self, may_be_empty=bool(row.images))
            editor.edit.send_on_enter = tools.send_on_enter
            editor.submitted.connect(lambda text: intents.edit_submitted.emit(row.key, text))
            editor.ended.connect(lambda: intents.draft_changed.emit(row.key, None))
            editor.changed.connect(lambda text: intents.draft_changed.emit(row.key, text))
            self.editor: PromptEditor | None = editor
            self.put(editor, gap=self._gap_px)
            return
        self.editor = None
        if row.text or not row.images:
            bubble = Bubble(tools.look, row.text, expanded=row.expanded, parent=self)
            bubble.expanded.connect(lambda shown: intents.expanded.emit(row.key, shown))
            self.put(bubble, gap=self._gap_px)
        self._footer = Footer(tools.look, intents, self)
        self._footer.show_prompt(row)
        self._always = len(row.node.siblings) > 1
        self._footer.reveal(self._always)
        self.put(self._footer, gap=2)

    def take_focus(self) -> None:
        (self.editor.edit if self.editor else self).setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_images(self, row: Row) -> None:
        """Images stand above the words; what was read in them right below them."""
        if not row.images:
            return
        self.images = ImagesPiece(self.tools.look, row.images, self.tools.pictures, self)
        for place, button in enumerate(self.images.buttons):
            button.clicked.connect(lambda _=False, place=place: self.intents.image_opened.emit(row.key, place))
        self.put(self.images)
        self._gap_px = 8
        if has_readings(row):
            self.put(Readings(self.tools.look, row, self.intents, self), gap=4)
            self._gap_px = 4

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        if self.editor is None:
            self._footer.reveal(True)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self.editor is None:
            self._footer.reveal(self._always)


class AnswerRow(MessageRow):
    """An answer: thoughts, text, what went wrong, what it took. `feed` and `flush` while it grows."""

    def __init__(
        self, tools: Tools, row: Row, intents: Intents, parent: QWidget | None = None, *, alone: bool = False
    ) -> None:
        """`alone`: it answers the first prompt of its conversation."""
        super().__init__(tools, row, intents, parent)
        self._alone = alone
        self._stream = MarkdownStream()
        self._fed = 0
        self._thinking: Thinking | None = None
        self.body = Body(tools, self)
        self._footer = Footer(tools.look, intents, self)
        self.put(self.body)
        self.put(self._footer, gap=8)
        self.show_row(row)

    def arrange(self, width: int) -> int:
        return super().arrange(width) + _AFTER_ANSWER_PX

    def show_row(self, row: Row) -> None:
        """Show `row`, whose text begins with the text shown before."""
        self.row = row
        self._stream.append(row.text[self._fed :])
        self._fed = len(row.text)
        self._show_thinking(row)
        blocks = self._stream.update() if row.streaming else self._stream.finish()
        self.body.show_blocks(blocks, growing=row.streaming)
        self.body.setVisible(bool(blocks))
        if row.streaming:
            self._footer.show_streaming(row)
        else:
            self._show_ending(row)

    def show_phase(self, row: Row) -> None:
        """Only the phase or its figures changed."""
        self.row = row
        self._footer.show_streaming(row)
        self.setAccessibleDescription(phase_words(row))

    def refresh_formulas(self) -> bool:
        thinking = self._thinking is not None and self._thinking.refresh_formulas()
        return self.body.refresh_formulas() or thinking

    def _show_thinking(self, row: Row) -> None:
        if self._thinking is None and row.reasoning:
            self._thinking = Thinking(self.tools, row, self)
            self._thinking.button.toggled.connect(lambda shown: self.intents.expanded.emit(self.row.key, shown))
            self.put(self._thinking, index=0)
            self.set_place(1, gap=10, indent=0)
        elif self._thinking is not None:
            self._thinking.show_row(row)

    def _show_ending(self, row: Row) -> None:
        self.setAccessibleName(accessible_name(row))
        at = len(self.pieces) - 1
        if row.node.error is not None:
            box = ErrorBox(self.tools, row.node.error, row.key, self.intents, self, alone=self._alone)
            self.put(box, gap=12, index=at)
        elif ending_words(row.node):
            self.put(self._ending(row), gap=6, index=at)
        self._footer.show_finished(row)

    def _ending(self, row: Row) -> FlowRow:
        look = self.tools.look
        words = Words(ending_words(row.node), look.font(13), look.ink(look.theme.muted))
        flow = FlowRow(self)
        items: list[QWidget] = [words]
        if row.node.finish in (FinishReason.LENGTH, FinishReason.CANCELLED) and row.text:
            go_on = WordButton(look, tr("Continue"), outlined=True, color=look.theme.text)
            go_on.clicked.connect(lambda: self.intents.continue_requested.emit(row.key))
            items.append(go_on)
        if row.node.finish is not FinishReason.LENGTH:
            retry = WordButton(look, tr("Retry"), outlined=True, color=look.theme.text)
            retry.clicked.connect(lambda: self.intents.retry_requested.emit(row.key))
            items.append(retry)
        flow.set_items(items)
        return flow


class NoticeRow(Piece):
    """A hairline across the conversation with the reason of a tier switch."""

    def __init__(self, tools: Tools, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = tools.look
        self._words = Words(notice_words(notice), self._look.figures(), self._look.ink(self._look.theme.muted), self)
        self.setAccessibleName(notice_words(notice))

    def arrange(self, width: int) -> int:
        hint = self._words.sizeHint()
        width -= GUTTER_PX
        wide = min(hint.width(), width - 80)
        height = hint.height() if wide == hint.width() else self._words.height_for(wide)
        self._words.setGeometry(GUTTER_PX + (width - wide) // 2, 8, wide, height)
        return height + 20

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        color, middle = QColor(self._look.theme.line), self._words.geometry().center().y()
        painter.fillRect(GUTTER_PX, middle, self._words.x() - 12 - GUTTER_PX, 1, color)
        right = self._words.geometry().right() + 13
        painter.fillRect(right, middle, self.width() - right, 1, color)
        painter.end()
