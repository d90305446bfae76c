"""Markdown that grows: blocks that can no longer change are kept, only the tail is parsed again.

A block is closed when the next one begins at a full line after a blank one: in Markdown without link definitions,
and with formulas that end at blank lines, nothing that follows reaches back over that. Long tails without such a
place are cut where it is safe as well: between items of an outermost list, and inside a paragraph between two letters
before which no delimiter is left open.
"""

from __future__ import annotations

from dataclasses import replace

from .blocks import Block, Mark, Para, Span, merged
from .parser import Unit, parse_units
from .provisional import close_open_ends

CUT_TAIL_CHARACTERS = 2000
_OPENERS = frozenset("*_`[]~$\\<>&|")


class MarkdownStream:
    """Feed it with `append`, read `update` for the display while it streams and `finish` once it ended."""

    def __init__(self, *, cut_tail_characters: int = CUT_TAIL_CHARACTERS) -> None:
        self._cut_characters = cut_tail_characters
        self._closed: list[Block] = []
        self._tail = ""
        self._number: int | None = None
        self._frozen: tuple[Span, ...] = ()
        self._frozen_text = ""
        self._may_freeze = True
        self._next_freeze = 0

    @property
    def tail_characters(self) -> int:
        """How much is parsed at each update."""
        return len(self._tail)

    def append(self, text: str) -> None:
        """More text; parsed at the next `update`."""
        self._tail += text

    def update(self) -> tuple[Block, ...]:
        """All blocks for the display now; open ends at the very end (a table's head, bold) are shown as if closed."""
        units = self._units(close_open_ends(self._tail))
        kept = self._close(units)
        self._freeze(units[kept:])
        return self._blocks(units[kept:])

    def finish(self) -> tuple[Block, ...]:
        """All blocks of the text as it is; equal to parsing it at once."""
        return self._blocks(self._units(self._tail))

    def _units(self, text: str) -> list[Unit]:
        units = parse_units(text, self._number)
        if self._frozen and not _begins_with_paragraph(units):
            return self._thaw()
        return units

    def _thaw(self) -> list[Unit]:
        """The frozen paragraph turned out to be something else (a heading underlined later): take it back."""
        self._tail = self._frozen_text + self._tail
        self._frozen, self._frozen_text, self._may_freeze = (), "", False
        return parse_units(self._tail, self._number)

    def _blocks(self, units: list[Unit]) -> tuple[Block, ...]:
        blocks = [block for unit in units for block in unit.blocks]
        if self._frozen and blocks and isinstance(blocks[0], Para):
            blocks[0] = replace(blocks[0], spans=merged(self._frozen + blocks[0].spans))
        return (*self._closed, *blocks)

    def _close(self, units: list[Unit]) -> int:
        """Move what cannot change any more out of the tail; returns how many units that were."""
        if len(units) < 2:
            return 0
        lines = self._tail.split("\n")
        last = next((index for index in range(len(units) - 1, 0, -1) if self._is_cut(units[index], lines)), 0)
        if last == 0:
            return 0
        self._closed = list(self._blocks(units[:last]))
        self._number = units[last].number if units[last].continues else None
        self._tail = "\n".join(lines[units[last].line :])
        self._frozen, self._frozen_text, self._may_freeze, self._next_freeze = (), "", True, 0
        return last

    def _is_cut(self, unit: Unit, lines: list[str]) -> bool:
        if unit.line >= len(lines) - 1:
            return False  # the line is not complete yet
        if unit.is_item and unit.continues:
            return len(self._tail) > self._cut_characters and not lines[unit.line][:1].isspace()
        return not lines[unit.line - 1].strip()

    def _freeze(self, units: list[Unit]) -> None:
        tail = self._tail
        wanted = max(self._cut_characters, self._next_freeze)
        if len(tail) <= wanted or not self._may_freeze or len(units) != 1 or not _begins_with_paragraph(units):
            return
        self._next_freeze = len(tail) + self._cut_characters // 2
        split = next((p for p in range(len(tail) * 3 // 4, 0, -1) if tail[p - 1].isalpha() and tail[p].isalpha()), 0)
        if "\\" in tail[:split]:  # may open a formula that a later text closes; escapes leave no trace in the spans
            return
        spans = _paragraph(tail[:split])
        if spans and not any(_is_open(span) for span in spans):
            self._frozen = merged(self._frozen + spans)
            self._frozen_text += tail[:split]
            self._tail, self._next_freeze = tail[split:], 0


def _begins_with_paragraph(units: list[Unit]) -> bool:
    if not units or units[0].is_item or not units[0].blocks:
        return False
    first = units[0].blocks[0]
    return isinstance(first, Para) and first.level == 0 and not first.place.quotes


def _paragraph(text: str) -> tuple[Span, ...]:
    """The spans of a text that is one paragraph, else none."""
    units = parse_units(text)
    first = units[0].blocks[0] if len(units) == 1 and _begins_with_paragraph(units) else None
    return first.spans if isinstance(first, Para) else ()


def _is_open(span: Span) -> bool:
    return not span.mark & (Mark.CODE | Mark.MATH | Mark.DISPLAY_MATH) and not _OPENERS.isdisjoint(span.text)
