"""Markdown that grows: blocks that can no longer change are kept, only the tail is parsed again.

A block is closed when the next one begins at a full line after a blank one: in Markdown without link definitions,
and with formulas that end at blank lines, nothing that follows reaches back over that. Items of an outermost list are
closed in a long tail as well. A block that is long by itself is frozen in part (see `freezing`). Where neither can be
done, a long tail is parsed each time that it has grown by a small share of its length, and what arrives in between
is shown as it is: all the work is proportional to the text.
"""

from __future__ import annotations

from dataclasses import replace

from .blocks import Block, Code, Para, Span, followed
from .freezing import Frozen, frozen, joined
from .parser import Unit, clean, parse_units
from .provisional import close_open_ends

CUT_TAIL_CHARACTERS = 2000
_SHARE = 32
"""A long tail is parsed again when this part of it is new."""


class MarkdownStream:
    """Feed it with `append`, read `update` for the display while it streams and `finish` once it ended."""

    def __init__(self, *, cut_tail_characters: int = CUT_TAIL_CHARACTERS) -> None:
        self._cut_characters = cut_tail_characters
        self._closed: list[Block] = []
        self._tail = ""
        self._number: int | None = None
        self._frozen: Frozen | None = None
        self._may_freeze = True
        self._next_freeze = 0
        self._shown: tuple[Block, ...] = ()
        """What the tail became when it was last parsed: its first `_parsed` characters."""
        self._parsed = 0

    @property
    def tail_characters(self) -> int:
        """How much is parsed at each update."""
        return len(self._tail)

    def append(self, text: str) -> None:
        """More text; parsed at one of the next calls of `update`."""
        self._tail += text

    def update(self) -> tuple[Block, ...]:
        """All blocks for the display now; open ends at the very end (a table's head, bold) are shown as if closed."""
        fresh = len(self._tail) - self._parsed
        if self._parsed and len(self._tail) > self._cut_characters and fresh * _SHARE < len(self._tail):
            return (*self._closed, *_extended(self._shown, self._tail, self._parsed))
        units = self._units()
        kept = self._close(units)
        self._shown = self._blocks(units[kept:])
        self._freeze(units[kept:])
        self._parsed = len(self._tail)
        return (*self._closed, *self._shown)

    def finish(self) -> tuple[Block, ...]:
        """All blocks of the text as it is; equal to parsing it at once."""
        text = self._frozen.text + self._tail if self._frozen else self._tail
        return (*self._closed, *_leaves(parse_units(text, self._number)))

    def _units(self) -> list[Unit]:
        """The units of the tail as it looks now, the first without its frozen part."""
        head = self._frozen.head if self._frozen else ""
        units = parse_units(close_open_ends(head + self._tail), self._number, growing=True)
        if self._frozen and (not units or joined(self._frozen.block, units[0].blocks[0]) is None):
            self._thaw()
            return self._units()
        return units

    def _thaw(self) -> None:
        """What was frozen turned out to be something else (a heading underlined later): take it back."""
        if self._frozen:
            self._tail = self._frozen.text + self._tail
        self._frozen, self._may_freeze = None, False

    def _blocks(self, units: list[Unit]) -> tuple[Block, ...]:
        blocks = _leaves(units)
        whole = joined(self._frozen.block, blocks[0]) if self._frozen and blocks else None
        return (whole, *blocks[1:]) if whole else blocks

    def _close(self, units: list[Unit]) -> int:
        """Move what cannot change any more out of the tail; returns how many units that were."""
        if len(units) < 2:
            return 0
        head = self._frozen.head if self._frozen else ""
        lines = (head + self._tail).split("\n")
        last = next((index for index in range(len(units) - 1, 0, -1) if self._is_cut(units[index], lines)), 0)
        if last == 0:
            return 0
        rest = "\n".join(lines[units[last].line :])
        done = units[:last]
        if self._frozen:
            done = parse_units(self._frozen.text + self._tail.removesuffix(rest), self._number)
        self._closed.extend(_leaves(done))
        self._number = units[last].number if units[last].continues else None
        self._tail = rest
        self._frozen, self._may_freeze, self._next_freeze = None, True, 0
        return last

    def _is_cut(self, unit: Unit, lines: list[str]) -> bool:
        if unit.line >= len(lines) - 1:
            return False  # the line is not complete yet
        if unit.is_item and unit.continues:
            return len(self._tail) > self._cut_characters and not lines[unit.line][:1].isspace()
        return not lines[unit.line - 1].strip()

    def _freeze(self, units: list[Unit]) -> None:
        """Keep the larger part of a long tail that is one block."""
        tail = self._tail
        if len(tail) <= max(self._cut_characters, self._next_freeze) or not self._may_freeze or len(units) != 1:
            return
        self._next_freeze = len(tail) * 5 // 4
        part = frozen(tail, units[0], self._frozen)
        if part is not None:
            self._tail = tail[len(part.text) - len(self._frozen.text if self._frozen else "") :]
            self._frozen, self._next_freeze = part, 0


def _leaves(units: list[Unit]) -> tuple[Block, ...]:
    return tuple(block for unit in units for block in unit.blocks)


def _extended(blocks: tuple[Block, ...], tail: str, parsed: int) -> tuple[Block, ...]:
    """`blocks` of the first `parsed` characters of `tail`, with the others behind them as plain text."""
    last = blocks[-1] if blocks else Para(())
    if isinstance(last, Code):
        gap = "\n" if tail[:parsed].endswith("\n") else ""
        return (*blocks[:-1], replace(last, text=last.text + gap + clean(tail[parsed:], "\n")))
    begin = len(tail[:parsed].rstrip())  # spaces at the end of a paragraph are not part of it
    more = (Span(clean(tail[begin:], "\u2028")),)
    if isinstance(last, Para):
        return (*blocks[:-1], replace(last, spans=followed(last.spans, more)))
    return (*blocks, Para(more))
