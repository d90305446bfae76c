"""Paragraphs, headings, lists, quotes and formulas in one document, changed only from where they differ.

Blocks become a list of small operations; the list is compared with the last one, and the document is edited from the
first difference on. A growing answer thus costs what its last paragraph costs, and a selection above it stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextImageFormat,
    QTextListFormat,
)
from PySide6.QtWidgets import QVBoxLayout, QWidget

from .blocks import Formula, Mark, Marker, MarkerKind, Para, Place, Span
from .formats import HEADING_PX, char_format
from .formulas import Drawing, Key, picture
from .look import Look
from .stack import Piece
from .text_pane import SOURCE_PROPERTY, TextPane

QUOTES_PROPERTY = int(QTextFormat.Property.UserProperty) + 2
INDENT_PX, QUOTE_PX, PARAGRAPH_GAP_PX, ITEM_GAP_PX = 26, 16, 10, 4
_FORMULA_SCALE = 1.15
"""STIX Two Math looks smaller than interface fonts of the same size."""


@dataclass(frozen=True, slots=True)
class BlockOp:
    """A new paragraph."""

    place: Place
    level: int = 0
    centered: bool = False
    first: bool = False
    follows_item: bool = False


@dataclass(frozen=True, slots=True)
class TextOp:
    span: Span
    level: int = 0


@dataclass(frozen=True, slots=True)
class PictureOp:
    """A formula that was set; `scale` under 1 when it would be wider than the column."""

    key: Key
    drawing: Drawing
    scale: float = 1.0


Op = BlockOp | TextOp | PictureOp


@dataclass(frozen=True, slots=True)
class Chunk:
    """The operations of one block. `length` counts document positions, `awaits` that a formula is still being set."""

    block: Para | Formula
    ops: tuple[Op, ...]
    length: int
    awaits: bool = False
    links: bool = False


class Prose(Piece):
    """A run of blocks in one text pane."""

    def __init__(self, look: Look, parent: QWidget | None = None, *, color: str | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._color = color or look.theme.text
        self._blocks: Sequence[Para | Formula] = ()
        self._chunks: list[Chunk] = []
        self._width = 0
        self.pane = _ProsePane(look, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pane)

    def set_blocks(self, blocks: Sequence[Para | Formula]) -> None:
        """Show `blocks`; the height follows with the next `arrange`."""
        self._blocks = blocks
        if self._width:
            self._apply()

    def arrange(self, width: int) -> int:
        if width != self._width:
            keep = not any(op for chunk in self._chunks for op in chunk.ops if isinstance(op, PictureOp))
            self._width = width
            self._apply(keep=keep)
        return self.pane.text_height(width)

    def refresh_formulas(self) -> bool:
        """Draw formulas that arrived since; True when something changed."""
        if not any(chunk.awaits for chunk in self._chunks):
            return False
        self._apply()
        return True

    def set_caret(self, shown: bool) -> None:
        """Show where an answer grows."""
        if self.pane.caret != shown:
            self.pane.caret = shown
            self.pane.viewport().update()

    def natural_width(self) -> int:
        """How much of the width it was last arranged for the longest line takes."""
        return int(self.pane.document().idealWidth() + 0.999)

    def focusables(self) -> list[QWidget]:
        return [self.pane] if self.pane.has_links else []

    def _apply(self, *, keep: bool = True) -> None:
        """Bring the document up to date; with `keep`, leading blocks that are the very same are not looked at."""
        old = self._chunks
        kept = self._unchanged() if keep else 0
        fresh = old[:kept]
        for index in range(kept, len(self._blocks)):
            fresh.append(self._chunk(self._blocks[index], self._blocks[index - 1] if index else None))
        before = [op for chunk in old[kept:] for op in chunk.ops]
        after = [op for chunk in fresh[kept:] for op in chunk.ops]
        position = sum(chunk.length for chunk in old[:kept])
        editor = _Editor(self.pane.document(), self._look, self._color, self.devicePixelRatioF())
        editor.edit(before, after, position, old[kept - 1].ops[0] if kept else None)
        self._chunks = fresh
        self.pane.settle(fresh)

    def _unchanged(self) -> int:
        kept = 0
        for chunk, block in zip(self._chunks, self._blocks, strict=False):
            if chunk.block is not block or chunk.awaits:
                break
            kept += 1
        return kept

    def _chunk(self, block: Para | Formula, before: Para | Formula | None) -> Chunk:
        level = block.level if isinstance(block, Para) else 0
        follows = before is not None and before.place.depth > 0 and block.place.depth > 0
        ops: list[Op] = [BlockOp(block.place, level, isinstance(block, Formula), before is None, follows)]
        spans = (Span(block.tex, Mark.DISPLAY_MATH),) if isinstance(block, Formula) else block.spans
        room = self._width - block.place.depth * INDENT_PX - block.place.quotes * QUOTE_PX
        awaits = links = False
        for span in spans:
            op = resolve(self._look, span, room=room, level=level)
            awaits, links = awaits or op is None, links or bool(span.href)
            ops.append(op or TextOp(span, level))
        return Chunk(block, tuple(ops), sum(map(_length, ops)), awaits, links)


class _ProsePane(TextPane):
    """Draws the bars of quotes, and the caret while an answer grows."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(look, parent)
        self.document().setIndentWidth(INDENT_PX)
        self.has_links = False
        self._quotes = False
        self.caret = False

    def settle(self, chunks: Sequence[Chunk]) -> None:
        """Take note of what the document holds now."""
        self.has_links = any(chunk.links for chunk in chunks)
        self._quotes = any(chunk.block.place.quotes for chunk in chunks)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if self.has_links else Qt.FocusPolicy.ClickFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._quotes:
            self._paint_bars(event.rect())
        super().paintEvent(event)
        if self.caret:
            self._paint_caret()

    def _paint_bars(self, area: QRect) -> None:
        painter = QPainter(self.viewport())
        block, above, ended = self.document().begin(), 0, 0.0
        while block.isValid():
            layout, quotes = block.layout(), block.blockFormat().intProperty(QUOTES_PROPERTY)
            top = layout.position().y()
            bottom = top + layout.boundingRect().bottom()
            for number in range(quotes):
                begin = ended if number < above else top
                box = QRectF(number * QUOTE_PX, begin + 3, 3, bottom - begin)
                painter.fillRect(box, QColor(self.look.theme.line))
            if top > area.bottom():
                break
            block, above, ended = block.next(), quotes, bottom
        painter.end()

    def _paint_caret(self) -> None:
        end = QTextCursor(self.document())
        end.movePosition(QTextCursor.MoveOperation.End)
        place = self.cursorRect(end)
        size = round(self.look.body_px * 1.15)
        painter = QPainter(self.viewport())
        box = QRect(place.left() + 2, place.bottom() - size - 2, max(6, self.look.body_px // 2), size)
        painter.fillRect(box, QColor(self.look.theme.text))
        painter.end()


class _Editor:
    """Applies operations to a document."""

    def __init__(self, document: QTextDocument, look: Look, color: str, ratio: float) -> None:
        self._document, self._look, self._color, self._ratio = document, look, color, ratio

    def edit(self, old: Sequence[Op], new: Sequence[Op], position: int, above: Op | None) -> None:
        """Turn what `old` made into what `new` makes, from document position `position` to the end.

        `above` is the paragraph that ends there, if any.
        """
        same = _common(old, new)
        if same == len(old) == len(new):
            return
        skip = _grown(old, new, same)
        cursor = QTextCursor(self._document)
        cursor.beginEditBlock()
        cursor.setPosition(position + sum(map(_length, old[:same])) + utf16_length(skip))
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        if cursor.hasSelection():
            cursor.removeSelectedText()
            kept = [op for op in (above, *new[:same]) if isinstance(op, BlockOp)]
            self._restore_block(cursor, kept[-1:])
        for index, op in enumerate(new[same:], same):
            self._insert(cursor, op, skip if index == same else "")
        cursor.endEditBlock()

    def _insert(self, cursor: QTextCursor, op: Op, skip: str) -> None:
        if isinstance(op, BlockOp):
            self._start_block(cursor, op)
        elif isinstance(op, TextOp):
            cursor.insertText(op.span.text[len(skip) :], char_format(self._look, op.span, op.level, self._color))
        else:
            insert_formula(cursor, self._look, op, self._color, self._ratio)

    def _restore_block(self, cursor: QTextCursor, kept: Sequence[BlockOp]) -> None:
        """Joining paragraphs may leave the format of the one that was removed."""
        for op in kept:
            cursor.setBlockFormat(_block_format(op, self._look))
            if op.place.marker is not None:
                cursor.createList(_list_format(op.place.marker, op.place.depth))

    def _start_block(self, cursor: QTextCursor, op: BlockOp) -> None:
        block = _block_format(op, self._look)
        plain = char_format(self._look, Span(""), op.level, self._color)
        if op.first:
            cursor.setBlockFormat(block)
            cursor.setBlockCharFormat(plain)
            cursor.setCharFormat(plain)
        else:
            cursor.insertBlock(block, plain)
        if op.place.marker is not None:
            cursor.createList(_list_format(op.place.marker, op.place.depth))


def resolve(look: Look, span: Span, *, room: int, level: int = 0) -> TextOp | PictureOp | None:
    """What to insert for a span within `room` logical pixels; None for a formula that is still being set."""
    if not span.mark & (Mark.MATH | Mark.DISPLAY_MATH):
        return TextOp(span, level)
    size = round(look.theme.px(HEADING_PX[level]) * _FORMULA_SCALE)
    key = Key(span.text, bool(span.mark & Mark.DISPLAY_MATH), size)
    drawing = look.formulas.get(key)
    if drawing is None:
        return None
    if drawing.svg is None:
        return TextOp(Span(span.text, Mark.CODE), level)
    return PictureOp(key, drawing, min(1.0, max(0.1, room / drawing.width)))


def insert_formula(cursor: QTextCursor, look: Look, op: PictureOp, color: str, ratio: float) -> None:
    """Insert the picture of a formula; `ratio` device pixels to a logical one.

    A formula that is made smaller to fit is drawn in that size: a picture that is shrunk later loses its thin strokes.
    """
    drawing, ratio = op.drawing, max(1.0, ratio) * op.scale
    align, above, below = _alignment(drawing, QFontMetricsF(look.font(HEADING_PX[0])), op.key.display)
    name = QUrl(f"formula:{hash((op.key, color, ratio)) & 0xFFFFFFFFFFFF:x}")
    document, kind = cursor.document(), QTextDocument.ResourceType.ImageResource
    if document.resource(kind, name) is None:
        document.addResource(kind, name, picture(drawing, color, ratio, above=above, below=below))
    form = QTextImageFormat()
    form.setName(name.toString())
    form.setWidth(drawing.width * op.scale)
    form.setHeight((above + drawing.ascent + drawing.descent + below) * op.scale)
    form.setVerticalAlignment(align)
    form.setProperty(SOURCE_PROPERTY, f"$${op.key.tex}$$" if op.key.display else f"${op.key.tex}$")
    cursor.insertImage(form)


def utf16_length(text: str) -> int:
    """Length in the units that document positions count."""
    return len(text) if not text or max(text) <= "\uffff" else len(text.encode("utf-16-le")) // 2


def _common(old: Sequence[Op], new: Sequence[Op]) -> int:
    same = 0
    for one, other in zip(old, new, strict=False):
        if one is not other and one != other:
            break
        same += 1
    return same


def _grown(old: Sequence[Op], new: Sequence[Op], same: int) -> str:
    """What the first differing operation keeps: the text both begin with, when only the text differs."""
    if same >= len(old) or same >= len(new):
        return ""
    one, other = old[same], new[same]
    if not (isinstance(one, TextOp) and isinstance(other, TextOp)):
        return ""
    if (one.level, one.span.mark, one.span.href) != (other.level, other.span.mark, other.span.href):
        return ""
    return one.span.text if other.span.text.startswith(one.span.text) else ""


def _length(op: Op) -> int:
    if isinstance(op, TextOp):
        return utf16_length(op.span.text)
    return 0 if isinstance(op, BlockOp) and op.first else 1


def _block_format(op: BlockOp, look: Look) -> QTextBlockFormat:
    form = QTextBlockFormat()
    line = look.line_px if op.level == 0 else round(look.theme.px(HEADING_PX[op.level]) * 1.5)
    form.setLineHeight(line, int(QTextBlockFormat.LineHeightTypes.MinimumHeight.value))
    gap = ITEM_GAP_PX if op.follows_item else PARAGRAPH_GAP_PX
    form.setTopMargin(0 if op.first else gap + (8 if op.level else 0))
    form.setLeftMargin(op.place.quotes * QUOTE_PX)
    form.setProperty(QUOTES_PROPERTY, op.place.quotes)
    if op.place.marker is None:
        form.setIndent(op.place.depth)
    if op.centered:
        form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    if op.place.marker is not None and op.place.marker.kind in (MarkerKind.TODO, MarkerKind.DONE):
        done = op.place.marker.kind is MarkerKind.DONE
        form.setMarker(QTextBlockFormat.MarkerType.Checked if done else QTextBlockFormat.MarkerType.Unchecked)
    return form


def _list_format(marker: Marker, depth: int) -> QTextListFormat:
    form = QTextListFormat()
    form.setIndent(depth)
    if marker.kind is MarkerKind.NUMBER:
        form.setStyle(QTextListFormat.Style.ListDecimal)
        form.setStart(marker.number)
    else:
        styles = (QTextListFormat.Style.ListDisc, QTextListFormat.Style.ListCircle, QTextListFormat.Style.ListSquare)
        form.setStyle(styles[(depth - 1) % 3])
    return form


def _alignment(
    drawing: Drawing, metrics: QFontMetricsF, display: bool
) -> tuple[QTextCharFormat.VerticalAlignment, float, float]:
    """How to hang a picture so that its baseline is that of the text: alignment and empty space above and below.

    Qt knows two places that help: the bottom of a picture on the descent of the font, and its middle on half the
    height of a small x (QTextDocumentLayout::resizeInlineObject).
    """
    if display:
        return QTextCharFormat.VerticalAlignment.AlignNormal, 4.0, 4.0
    if drawing.descent <= metrics.descent():
        return QTextCharFormat.VerticalAlignment.AlignBaseline, 0.0, metrics.descent() - drawing.descent
    half = metrics.xHeight() / 2
    tall = max(2 * drawing.descent + half, 2 * drawing.ascent - half)
    ascent, descent = (tall + half) / 2, (tall - half) / 2
    return QTextCharFormat.VerticalAlignment.AlignMiddle, ascent - drawing.ascent, descent - drawing.descent
