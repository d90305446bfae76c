"""Markdown to leaves, through markdown-it-py. HTML is text, images are their alternative text, nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .blocks import Block, Code, Formula, Mark, Marker, MarkerKind, Para, Place, Rule, Span, Table, merged
from .bracket_rule import brackets_plugin
from .fence_rule import fences_plugin
from .html_tags import html_tags_plugin
from .inline_state import InlineParser
from .math_rules import math_plugin
from .quote_rule import quotes_plugin
from .table_rule import tables_plugin

SAFE_SCHEMES = ("http://", "https://", "mailto:")
_CLEAN = str.maketrans({"\r": "", "\u2029": "\u2028", "\x00": "\ufffd", "\ufffc": "\ufffd"})
_MARKS = {
    "strong": Mark.BOLD,
    "em": Mark.ITALIC,
    "s": Mark.STRIKE,
    "sub": Mark.LOWERED,
    "sup": Mark.RAISED,
}
_LEAF_MARKS = {
    "text": Mark.NONE,
    "text_special": Mark.NONE,
    "code_inline": Mark.CODE,
    "math_inline": Mark.MATH,
    "math_display": Mark.DISPLAY_MATH,
}


@dataclass(frozen=True, slots=True)
class Unit:
    """Leaves that begin at `line` (from 0): one block of the outermost level, or one item of an outermost list.

    `number` is that of an ordered item; `continues` tells an item from the first one of its list.
    """

    line: int
    blocks: tuple[Block, ...]
    is_item: bool = False
    continues: bool = False
    number: int | None = None


def parse(text: str) -> tuple[Block, ...]:
    """All leaves of a text."""
    return tuple(block for unit in parse_units(text) for block in unit.blocks)


def parse_units(text: str, first_number: int | None = None, *, growing: bool = False) -> list[Unit]:
    """The units of a text in order. `first_number` renumbers an ordered list that the text begins with.

    `growing`: more will come, which may still close a block of Markdown that holds fences.
    """
    tokens = _markdown().parse(text, {"growing": growing})
    walker = _Walker(first_number)
    for token in tokens:
        walker.feed(token)
    return walker.finish()


@cache
def _markdown() -> MarkdownIt:
    md = MarkdownIt()
    md.inline = InlineParser()
    md.configure("commonmark", {"html": False, "breaks": True, "maxNesting": 40})
    md.enable(["table", "strikethrough"])
    md.disable("reference")  # a definition at the end would change what stands before it
    md.use(brackets_plugin)
    return md.use(fences_plugin).use(math_plugin).use(html_tags_plugin).use(tables_plugin).use(quotes_plugin)


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int
    items: int = 0


@dataclass(slots=True)
class _Walker:
    """Flattens the token stream; one call of `feed` for each token."""

    first_number: int | None
    units: list[Unit] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    quotes: int = 0
    level: int = 0
    pending: Marker | None = None
    leaves: list[Block] = field(default_factory=list)
    line: int = 0
    item: tuple[bool, bool, int | None] = (False, False, None)
    rows: list[list[tuple[Span, ...]]] = field(default_factory=list)
    alignments: list[str] = field(default_factory=list)
    in_table: bool = False

    def feed(self, token: Token) -> None:
        outermost_item = token.type == "list_item_open" and token.level == 1 and not self.quotes
        if token.map and (token.level == 0 or outermost_item) and token.type != "inline":
            self.begin(token.map[0])
        handler = getattr(self, f"on_{token.type}", None)
        if handler is not None:
            handler(token)

    def begin(self, line: int) -> None:
        self.close()
        self.line, self.item = line, (False, False, None)

    def close(self) -> None:
        if self.leaves:
            is_item, continues, number = self.item
            self.units.append(Unit(self.line, tuple(self.leaves), is_item, continues, number))
        self.leaves = []

    def finish(self) -> list[Unit]:
        self.close()
        return self.units

    def place(self) -> Place:
        marker, self.pending = self.pending, None
        return Place(len(self.lists), self.quotes, marker)

    def leaf_place(self) -> Place:
        """The place of a leaf that cannot carry the marker of its item: an empty line carries it."""
        self.flush_marker()
        return self.place()

    def flush_marker(self) -> None:
        if self.pending is not None:
            self.leaves.append(Para((), self.place()))

    def on_bullet_list_open(self, _: Token) -> None:
        self.flush_marker()
        self.lists.append(_List(False, 0))

    def on_ordered_list_open(self, token: Token) -> None:
        self.flush_marker()
        start = token.attrGet("start")
        number = int(start) if start is not None else 1
        if self.first_number is not None and not self.units and not self.leaves and len(self.lists) == 0:
            number = self.first_number
        self.lists.append(_List(True, number))

    def on_bullet_list_close(self, _: Token) -> None:
        self.lists.pop()

    on_ordered_list_close = on_bullet_list_close

    def on_list_item_open(self, token: Token) -> None:
        inner = self.lists[-1]
        self.pending = Marker(MarkerKind.NUMBER, inner.number) if inner.ordered else Marker(MarkerKind.BULLET)
        if token.level == 1 and not self.quotes:
            self.item = (True, inner.items > 0, inner.number if inner.ordered else None)
        inner.items += 1
        inner.number += 1

    def on_list_item_close(self, _: Token) -> None:
        self.flush_marker()

    def on_blockquote_open(self, _: Token) -> None:
        self.flush_marker()
        self.quotes += 1

    def on_blockquote_close(self, _: Token) -> None:
        self.quotes -= 1

    def on_heading_open(self, token: Token) -> None:
        self.level = int(token.tag[1])

    def on_heading_close(self, _: Token) -> None:
        self.level = 0

    def on_inline(self, token: Token) -> None:
        spans = merged(tuple(_spans(token.children or ())))
        if self.in_table:
            self.rows[-1].append(spans)
        elif len(spans) == 1 and spans[0].mark & Mark.DISPLAY_MATH:
            self.leaves.append(Formula(spans[0].text, self.leaf_place()))
        else:
            self.add_paragraph(spans)

    def add_paragraph(self, spans: tuple[Span, ...]) -> None:
        marker = self.pending
        if marker is not None and marker.kind is MarkerKind.BULLET and spans and not spans[0].mark:
            for sign, kind in (("[ ] ", MarkerKind.TODO), ("[x] ", MarkerKind.DONE), ("[X] ", MarkerKind.DONE)):
                if spans[0].text.startswith(sign):
                    self.pending = Marker(kind)
                    spans = merged((replace(spans[0], text=spans[0].text[4:]), *spans[1:]))
                    break
        self.leaves.append(Para(spans, self.place(), self.level))

    def on_fence(self, token: Token) -> None:
        words = token.info.split()
        self.add_code(token.content, words[0].strip("{}.") if words else "")

    def on_code_block(self, token: Token) -> None:
        self.add_code(token.content, "")

    def add_code(self, content: str, language: str) -> None:
        self.leaves.append(Code(clean(content.removesuffix("\n"), "\n"), language, self.leaf_place()))

    def on_math_block(self, token: Token) -> None:
        self.leaves.append(Formula(token.content, self.leaf_place()))

    def on_hr(self, _: Token) -> None:
        self.leaves.append(Rule(self.leaf_place()))

    def on_table_open(self, _: Token) -> None:
        self.in_table, self.rows, self.alignments = True, [], []

    def on_tr_open(self, _: Token) -> None:
        self.rows.append([])

    def on_th_open(self, token: Token) -> None:
        self.alignments.append(str(token.attrGet("style") or "").removeprefix("text-align:"))

    def on_table_close(self, _: Token) -> None:
        self.in_table = False
        width = len(self.alignments)
        rows = tuple(tuple((row + [()] * width)[:width]) for row in self.rows)
        self.leaves.append(Table(rows, tuple(self.alignments), self.leaf_place()))


def _spans(tokens: Sequence[Token]) -> Iterator[Span]:
    depths, mark, hrefs = dict.fromkeys(_MARKS, 0), Mark.NONE, [""]
    for token in tokens:
        name, _, edge = token.type.rpartition("_")
        if name in _MARKS:
            depths[name] += 1 if edge == "open" else -1
            mark = sum(_MARKS[name] for name, depth in depths.items() if depth)
        elif token.type == "link_open":
            hrefs.append(_safe(str(token.attrGet("href") or "")))
        elif token.type == "link_close":
            hrefs.pop()
        elif (span := _leaf(token, mark, hrefs[-1])) is not None:
            yield span


def _leaf(token: Token, mark: int, href: str) -> Span | None:
    if token.type in ("softbreak", "hardbreak"):
        return Span("\u2028", mark, href)
    if token.type == "image":
        source = _safe(str(token.attrGet("src") or ""))
        return Span(clean(token.content or source), mark, href or source)
    if token.type not in _LEAF_MARKS:
        return None
    return Span(clean(token.content), mark | _LEAF_MARKS[token.type], href)


def clean(text: str, line_break: str = " ") -> str:
    """`text` without the characters that mean something to a document, and with `line_break` for each line's end."""
    return text.translate(_CLEAN).replace("\n", line_break)


def _safe(href: str) -> str:
    return href if href.lower().startswith(SAFE_SCHEMES) else ""
