"""Colours of code, by Pygments: which part of which line is a keyword, a string, a comment.

Lexers are looked up on the worker thread (their modules import for tens of milliseconds); lexing itself runs in slices
of a few milliseconds on the GUI thread.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from .background import Background
from .look import Look

if TYPE_CHECKING:
    from pygments.lexer import Lexer

SLICE_S = 0.004
MAX_COLORED_CHARACTERS = 300_000
CHECKPOINT_LINES = 40
MAX_LEXERS = 64


class Kind(Enum):
    KEYWORD = "keyword"
    STRING = "string"
    COMMENT = "comment"
    NUMBER = "number"
    NAME = "name"
    ADDED = "added"
    REMOVED = "removed"


Piece = tuple[int, int, Kind]
"""Start and length in characters within a line, and what it is."""


class Lexers(QObject):
    """Finds the lexer of a language once."""

    found = Signal(str)
    """The lexer of this language can now be had with `get`."""

    def __init__(self, background: Background) -> None:
        super().__init__(background)
        self._background = background
        self._known: OrderedDict[str, Lexer | None] = OrderedDict()
        self._awaited: set[str] = set()

    def get(self, language: str) -> Lexer | None:
        """The lexer, or None: while it is looked up (`found` tells), and for a language that Pygments lacks."""
        name = language.lower()
        if name in self._known or not name:
            return self._known.get(name)
        if name not in self._awaited:
            self._awaited.add(name)
            self._background.run(partial(find_lexer, name), partial(self._keep, name))
        return None

    def _keep(self, name: str, lexer: Lexer | None) -> None:
        self._awaited.discard(name)
        self._known[name] = lexer
        while len(self._known) > MAX_LEXERS:
            self._known.popitem(last=False)
        self.found.emit(name)


def find_lexer(language: str) -> Lexer | None:
    """The lexer of a language as it is named after a fence, or None. Any thread."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
        list(lexer.get_tokens("x"))  # builds its tables
    except ClassNotFound:
        return None
    return lexer


class Coloring(QSyntaxHighlighter):
    """Colours a document as its text grows, from the last checkpoint on; `settle` colours all of it anew."""

    def __init__(self, document: QTextDocument, look: Look, lexers: Lexers) -> None:
        super().__init__(document)
        self._lexers, self._language = lexers, ""
        lexers.found.connect(self._found)
        self._formats = _formats(look)
        self._lines: dict[int, list[Piece]] = {}
        self._lexer: Lexer | None = None
        self._checkpoint = 0
        self._work: Iterator[tuple[int, list[Piece]]] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._slice)

    @property
    def busy(self) -> bool:
        """Whether slices of work are still to come."""
        return self._timer.isActive()

    def set_language(self, language: str) -> None:
        """Colour as this language, as soon as its lexer is there."""
        self._language = language.lower()
        self._lexer = self._lexers.get(language)
        self.grow()

    def _found(self, language: str) -> None:
        if language == self._language:
            self.set_language(language)

    def grow(self) -> None:
        """The text got longer (or was replaced): colour from the checkpoint on."""
        document = self.document()
        if self._lexer is None or document.characterCount() > MAX_COLORED_CHARACTERS:
            return
        self._move_checkpoint()
        lines, block = [], document.findBlockByNumber(self._checkpoint)
        while block.isValid():
            lines.append(block.text())
            block = block.next()
        self._work = color_lines(self._lexer, "\n".join(lines), self._checkpoint)
        self._slice()

    def settle(self) -> None:
        """The text is complete: what a checkpoint may have cut (a long string) gets its colour."""
        if self._checkpoint:
            self._checkpoint = -1
            self.grow()

    def _move_checkpoint(self) -> None:
        if self._checkpoint < 0:
            self._checkpoint = 0
            return
        last = self.document().blockCount() - 1
        if last - self._checkpoint < 2 * CHECKPOINT_LINES:
            return
        for number in range(last - 1, self._checkpoint + CHECKPOINT_LINES // 2, -1):
            block = self.document().findBlockByNumber(number)
            if block.text()[:1].strip() and not block.previous().text().strip():
                self._checkpoint = number
                return
        if last - self._checkpoint > 5 * CHECKPOINT_LINES:
            self._checkpoint = last - CHECKPOINT_LINES

    def _slice(self) -> None:
        end = time.perf_counter() + SLICE_S
        for number, pieces in self._work or ():
            if self._lines.get(number) != pieces:
                self._lines[number] = pieces
                self.rehighlightBlock(self.document().findBlockByNumber(number))
            if time.perf_counter() > end:
                self._timer.start(0)
                return
        self._work = None

    def highlightBlock(self, text: str) -> None:
        for start, length, kind in self._lines.get(self.currentBlock().blockNumber(), ()):
            if start + length <= len(text):
                self.setFormat(start, length, self._formats[kind])


def color_lines(lexer: Lexer, text: str, first_line: int) -> Iterator[tuple[int, list[Piece]]]:
    """Lex lazily: each line's number and pieces, counted in UTF-16 units."""
    number, column, pieces = first_line, 0, list[Piece]()
    for token, value in lexer.get_tokens(text):
        kind = kind_of(str(token))
        for index, part in enumerate(value.split("\n")):
            if index:
                yield number, pieces
                number, column, pieces = number + 1, 0, []
            length = len(part) if part.isascii() else len(part.encode("utf-16-le")) // 2
            if kind is not None and part.strip():
                pieces.append((column, length, kind))
            column += length
    yield number, pieces


_KINDS = (
    ("Token.Comment.Preproc", Kind.KEYWORD),
    ("Token.Comment", Kind.COMMENT),
    ("Token.Literal.String", Kind.STRING),
    ("Token.Literal.Number", Kind.NUMBER),
    ("Token.Literal.Date", Kind.NUMBER),
    ("Token.Keyword", Kind.KEYWORD),
    ("Token.Operator.Word", Kind.KEYWORD),
    ("Token.Name.Function", Kind.NAME),
    ("Token.Name.Class", Kind.NAME),
    ("Token.Name.Tag", Kind.KEYWORD),
    ("Token.Name.Attribute", Kind.NAME),
    ("Token.Name.Decorator", Kind.NAME),
    ("Token.Name.Builtin", Kind.NAME),
    ("Token.Generic.Inserted", Kind.ADDED),
    ("Token.Generic.Deleted", Kind.REMOVED),
    ("Token.Generic.Heading", Kind.KEYWORD),
)


def kind_of(token: str) -> Kind | None:
    """The kind of a Pygments token by its dotted name, or None for plain text."""
    return next((kind for name, kind in _KINDS if token.startswith(name)), None)


def _formats(look: Look) -> dict[Kind, QTextCharFormat]:
    theme = look.theme
    colors = {
        Kind.KEYWORD: theme.accent,
        Kind.STRING: theme.int8,
        Kind.COMMENT: theme.faint,
        Kind.NUMBER: theme.int4,
        Kind.NAME: "#8250DF" if not theme.dark else "#C9A6FF",
        Kind.ADDED: theme.int8,
        Kind.REMOVED: theme.hot,
    }
    formats = {}
    for kind, color in colors.items():
        form = QTextCharFormat()
        form.setForeground(QColor(look.ink(color, look.wash)))
        formats[kind] = form
    return formats
