"""The text of an answer: runs of prose, code, tables and rules below each other, kept as far as they did not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from .blocks import Block, Code, Formula, Para, Rule, Table
from .code_block import CodeBlock
from .highlight import Lexers
from .images import PictureSource
from .look import Look
from .prose import INDENT_PX, QUOTE_PX, Prose
from .stack import Piece, Stack
from .table import TableView

_GAP_PX, _RULE_GAP_PX = 12, 16


@dataclass(frozen=True, slots=True)
class Tools:
    """What pieces are made with."""

    look: Look
    lexers: Lexers
    pictures: PictureSource | None = None
    send_on_enter: bool = True
    """Whether Enter alone sends an edited prompt."""
    kiosk: bool = False
    """Whether visitors look at it: they choose no tier and no model, and read no log."""


@dataclass(frozen=True, slots=True)
class ProseRun:
    """Neighbouring blocks that share a document."""

    blocks: tuple[Para | Formula, ...]


Segment = ProseRun | Code | Table | Rule


def segments(blocks: Sequence[Block]) -> list[Segment]:
    """Blocks as the widgets that show them: neighbours that are text become one."""
    out: list[Segment] = []
    run: list[Para | Formula] = []
    for block in blocks:
        if isinstance(block, Para | Formula):
            run.append(block)
            continue
        if run:
            out.append(ProseRun(tuple(run)))
            run = []
        out.append(block)
    if run:
        out.append(ProseRun(tuple(run)))
    return out


class Body(Stack):
    """Shows blocks; `show_blocks` again and again while an answer grows."""

    def __init__(self, tools: Tools, parent: QWidget | None = None, *, color: str | None = None) -> None:
        super().__init__(parent)
        self._tools, self._color = tools, color
        self._segments: list[Segment] = []

    def show_blocks(self, blocks: Sequence[Block], *, growing: bool) -> None:
        """Show `blocks`; with `growing` a caret stands at the end."""
        fresh = segments(blocks)
        for index, segment in enumerate(fresh):
            if index < len(self._segments) and self._segments[index] == segment:
                continue
            if index < len(self._segments) and type(self._segments[index]) is type(segment):
                self._fill(self.pieces[index], segment)
            else:
                self._drop_from(index)
                self._add(segment)
        self._drop_from(len(fresh))
        self._segments = fresh
        self._place()
        self._settle(growing)

    def refresh_formulas(self) -> bool:
        """Draw formulas that arrived since; True when something changed."""
        changed = [piece.refresh_formulas() for piece in self.pieces if isinstance(piece, Prose | TableView)]
        return any(changed)

    def _drop_from(self, index: int) -> None:
        for piece in self.pieces[index:]:
            self.take(piece)
        del self._segments[index:]

    def _add(self, segment: Segment) -> None:
        piece: Piece
        if isinstance(segment, ProseRun):
            piece = Prose(self._tools.look, self, color=self._color)
        elif isinstance(segment, Code):
            piece = CodeBlock(self._tools.look, self._tools.lexers, self)
        elif isinstance(segment, Table):
            piece = TableView(self._tools.look, self)
        else:
            piece = Hairline(self._tools.look, self)
        self._fill(piece, segment)
        self.put(piece)

    @staticmethod
    def _fill(piece: Piece, segment: Segment) -> None:
        if isinstance(piece, Prose) and isinstance(segment, ProseRun):
            piece.set_blocks(segment.blocks)
        elif isinstance(piece, CodeBlock) and isinstance(segment, Code):
            piece.set_code(segment)
        elif isinstance(piece, TableView) and isinstance(segment, Table):
            piece.set_table(segment)

    def _place(self) -> None:
        for index, segment in enumerate(self._segments):
            gap = _RULE_GAP_PX if isinstance(segment, Rule) else _GAP_PX
            place = None if isinstance(segment, ProseRun) else segment.place
            indent = place.depth * INDENT_PX + place.quotes * QUOTE_PX if place else 0
            self.set_place(index, gap=gap, indent=indent)

    def _settle(self, growing: bool) -> None:
        pieces = self.pieces
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            if isinstance(piece, Prose):
                piece.set_caret(growing and last)
            elif isinstance(piece, CodeBlock) and not (growing and last):
                piece.settle()


class Hairline(Piece):
    """A thematic break."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look

    def arrange(self, width: int) -> int:
        return 9

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(0, 4, self.width(), 1, QColor(self._look.theme.line))
        painter.end()
