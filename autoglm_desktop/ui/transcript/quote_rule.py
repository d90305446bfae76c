"""Quotes that read on over unmarked lines a bounded number of times.

The parser's own rule first takes every line that might belong to the quote, marked with ``>`` or not, and looks at what
they say afterwards. Where the quote ends earlier after all, since a fence for example never goes on without its mark,
all those lines are read again from the next mark on.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.blockquote import blockquote

_RESUMED = 16
"""How often marked lines may follow on unmarked ones within a quote; then a new quote begins."""


def quotes_plugin(md: MarkdownIt) -> None:
    """Replace the rule for quotes in `md`."""
    md.block.ruler.at("blockquote", _rule, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def _rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    marked = state.src.startswith(">", state.bMarks[start_line] + state.tShift[start_line])
    return marked and blockquote(state, start_line, end_line if silent else _end(state, start_line, end_line), silent)


def _end(state: StateBlock, start_line: int, end_line: int) -> int:
    """The line before which the quote that begins at `start_line` ends in any case."""
    before, resumed = True, 0
    for line in range(start_line, end_line):
        if state.isEmpty(line):
            return line
        marked = state.src[state.bMarks[line] + state.tShift[line]] == ">"
        resumed += marked and not before
        if resumed > _RESUMED:
            return line
        before = marked
    return end_line
