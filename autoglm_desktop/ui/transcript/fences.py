"""Fenced code, line by line, and with fences inside of it when the code is Markdown.

Models write the fence of a Markdown block and those inside of it with the same three signs. In a block of the language
``markdown`` a fence with a language therefore opens an inner block, and a bare one closes the innermost.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})(.*)", re.DOTALL)
_MARKDOWN = frozenset({"markdown", "md"})


class Fences:
    """Knows whether the next line is code; `feed` it with lines."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._nests = False

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    @property
    def depth(self) -> int:
        """How many fences are open around the next line."""
        return len(self._open)

    @property
    def nests(self) -> bool:
        """Whether the open block is Markdown, which may hold fences."""
        return self._nests

    def feed(self, line: str) -> bool:
        """Take a line; True when it is a fence that opens or closes something."""
        match = _FENCE.match(line)
        if match is None:
            return False
        fence, info = match[1], match[2].strip()
        if not self._open:
            self._open, self._nests = [fence], is_markdown(info)
        elif fence.startswith(self._open[-1]) and not info:
            self._open.pop()
        elif self._nests and fence.startswith(self._open[0]):
            self._open.append(fence)
        else:
            return False
        return True


def is_markdown(info: str) -> bool:
    """Whether the words after a fence name Markdown as the language of the block."""
    return info.split()[:1] != [] and info.split(maxsplit=1)[0].strip("{}.").lower() in _MARKDOWN


def fences_plugin(md: MarkdownIt) -> None:
    """Add the rule for blocks of Markdown to `md`; their tokens are ``fence`` like those of any other."""
    md.block.ruler.before("fence", "markdown_fence", _rule, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def _rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    fences = Fences()
    if not fences.feed(_line(state, start_line)) or not fences.nests:
        return False
    if silent:
        return True
    last = _last_line(state, start_line, end_line, fences)
    if fences.is_open and not (state.env.get("growing") and _is_end(state, last)):
        return False  # the fences do not add up: the first one that can close it does
    _push(state, start_line, last, closed=not fences.is_open)
    return True


def _last_line(state: StateBlock, start_line: int, end_line: int, fences: Fences) -> int:
    """The line of the closing fence, or the one behind the block."""
    for line in range(start_line + 1, end_line):
        blank = state.isEmpty(line)
        if not blank and state.sCount[line] < state.blkIndent:
            return line
        if not blank and not state.is_code_block(line) and fences.feed(_line(state, line)) and not fences.is_open:
            return line
    return end_line


def _is_end(state: StateBlock, line: int) -> bool:
    """Whether the whole text ends above `line`: a text that still grows may close what is open."""
    return not state.src[state.eMarks[line - 1] :].strip()


def _push(state: StateBlock, start_line: int, last: int, *, closed: bool) -> None:
    token = state.push("fence", "code", 0)
    opening = _line(state, start_line)
    token.markup = opening[: len(opening) - len(opening.lstrip(opening[0]))]
    token.info = opening.lstrip(opening[0])
    token.content = state.getLines(start_line + 1, last, state.sCount[start_line], True)
    state.line = last + closed
    token.map = [start_line, state.line]


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
