"""Tables whose cells hold formulas: a bar inside of a formula parts no cells, as in ``| $P(A|B)$ | 0.5 |``."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table

from .dollars import reads_as_formula

_DELIMITERS = re.compile(r"[ \t>]*[|:-][|: \t-]*")
_DOLLAR = re.compile(r"(?<!\\)\$")
_BRACKETS = re.compile(r"\\\(.*?\\\)")
_HIDDEN = "\ue07c"
"""Stands for a bar while the row is split: a character that nobody writes."""


def tables_plugin(md: MarkdownIt) -> None:
    """Add the rule to `md`; tokens are those of any table."""
    md.block.ruler.before("table", "table_formulas", _rule, {"alt": ["paragraph", "reference"]})


def _rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if silent or start_line + 1 >= end_line or not _DELIMITERS.fullmatch(_line(state, start_line + 1)):
        return False
    last = next((line for line in range(start_line, end_line) if state.isEmpty(line)), end_line) - 1
    begin, end = state.bMarks[start_line], state.eMarks[last]
    rows = state.src[begin:end]
    hidden = "\n".join(map(_hide_bars, rows.split("\n")))
    if hidden == rows:
        return False
    source, first = state.src, len(state.tokens)
    state.src = source[:begin] + hidden + source[end:]
    found = table(state, start_line, end_line, silent)
    state.src = source
    for token in state.tokens[first:]:
        token.content = token.content.replace(_HIDDEN, "|")
    return found


def _hide_bars(row: str) -> str:
    if "|" not in row or ("$" not in row and "\\(" not in row):
        return row
    parts = _DOLLAR.split(_BRACKETS.sub(lambda match: _hidden(match[0]), row))
    index = 1
    while index < len(parts) - 1:
        if reads_as_formula(parts[index - 1][-1:], parts[index], parts[index + 1][:1]):
            parts[index] = _hidden(parts[index])
            index += 1
        index += 1
    return "$".join(parts)


def _hidden(formula: str) -> str:
    return re.sub(r"\\?\|", lambda bar: bar[0] if len(bar[0]) > 1 else _HIDDEN, formula)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] : state.eMarks[line]]
