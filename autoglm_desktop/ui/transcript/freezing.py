"""Long blocks that grow: what stands far above their end is kept as it was set, so that only the end is parsed again.

This is for the display while a block grows. Once it is complete all of its text is parsed again, so a cut may be
made where it is right nearly always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice

from .blocks import Block, Code, Para, Place, Span, Table, followed
from .fences import is_markdown
from .parser import Unit, parse_units

_OPENING_FENCE = re.compile(r" {0,3}(?:`{3,}|~{3,})([^\n]*)\n")
_TABLE_HEAD = re.compile(r"[^\n]*\n[^\n]*\n")
_PAIRS = (("\\(", "\\)"), ("\\[", "\\]"), ("<sub>", "</sub>"), ("<sup>", "</sup>"))

_WORD_BEGUN = re.compile(r"(?:</?\w*|\]\([^)\s]*|&\w*|://\S*|\\\w*)$")
"""A tag, the target of a link, an entity, an address or a command without its end."""
_TRIED, _STEP = 400, 7
"""How many of the possible places are looked at, and every which of them."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The first part of a block: its `text`, the leaf that it became, and the lines that the rest needs before it."""

    text: str
    head: str
    block: Block


def frozen(tail: str, unit: Unit, before: Frozen | None) -> Frozen | None:
    """The block of `unit` with the larger part of `tail` in it, if it can be cut; the rest follows that part."""
    block = _leaf(unit)
    head = before.head if before else _head(tail, block)
    split = _paragraph_cut(tail) if isinstance(block, Para) else _line_cut(tail, head, begun=before is not None)
    if head is None or split <= 0:
        return None
    part = before.head + tail[:split] if before else tail[:split]
    units = parse_units(part)
    leaf = _leaf(units[0]) if len(units) == 1 else None
    if leaf is None or type(leaf) is not type(block):
        return None
    if isinstance(leaf, Para) and part.endswith("\n"):
        leaf = replace(leaf, spans=followed(leaf.spans, (Span("\u2028"),)))
    whole = joined(before.block, leaf) if before else leaf
    return Frozen((before.text if before else "") + tail[:split], head, whole) if whole else None


def joined(first: Block, rest: Block) -> Block | None:
    """A block out of its frozen part and the rest of it, or None when the rest became something else."""
    if isinstance(first, Para) and isinstance(rest, Para) and rest.level == 0 and rest.place == Place():
        return replace(rest, spans=followed(first.spans, rest.spans))
    if isinstance(first, Code) and isinstance(rest, Code) and first.language == rest.language:
        return replace(rest, text=f"{first.text}\n{rest.text}")
    if isinstance(first, Table) and isinstance(rest, Table) and first.alignments == rest.alignments:
        return replace(rest, rows=first.rows + rest.rows[1:])
    return None


def _leaf(unit: Unit) -> Block | None:
    """The only leaf of a unit outside of lists and quotes."""
    if unit.is_item or len(unit.blocks) != 1 or unit.blocks[0].place != Place():
        return None
    block = unit.blocks[0]
    return None if isinstance(block, Para) and block.level else block


def _head(tail: str, block: Block | None) -> str | None:
    if isinstance(block, Para):
        return ""
    if isinstance(block, Code):
        fence = _OPENING_FENCE.match(tail)
        return fence[0] if fence and not is_markdown(fence[1]) else None
    head = _TABLE_HEAD.match(tail) if isinstance(block, Table) else None
    return head[0] if head else None


def _line_cut(tail: str, head: str | None, *, begun: bool) -> int:
    """Behind a full line in the last third of `tail`, with at least one full line left behind it."""
    last = tail.rfind("\n", 0, tail.rfind("\n"))
    cut = tail.find("\n", len(tail) * 2 // 3, max(last, 0) + 1) + 1
    return cut if begun or cut > len(head or "") else 0


def _paragraph_cut(tail: str) -> int:
    """A place between two lines or letters, so that what follows cannot begin anything else than text."""
    places = (
        place
        for place in range(len(tail) * 3 // 4, len(tail) // 4, -1)
        if tail[place].isalpha() and (tail[place - 1] == "\n" or tail[place - 1].isalpha())
    )
    return next((place for place in islice(places, 0, _TRIED, _STEP) if _is_closed(tail[:place])), 0)


def _is_closed(text: str) -> bool:
    """Whether no sign in the last line seems to wait for its partner, and no formula or code in all of it."""
    line = text[text.rfind("\n") + 1 :]
    if any(line.count(sign) % 2 for sign in ("**", "~~", "$", "_")) or line.count("[") != line.count("]"):
        return False
    if text.count("`") % 2 or text.count("$$") % 2 or text.count("**") % 2 or _WORD_BEGUN.search(line[-200:]):
        return False
    return all(text.count(opener) == text.count(closer) for opener, closer in _PAIRS)
