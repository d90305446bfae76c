"""Tables whose cells hold formulas: a bar inside of a formula parts no cells, as in ``| $P(A|B)$ | 0.5 |``."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.table import table

from .dollars import reads_as_formula

_DOLLAR = re.compile(r"(?<!\\)\$")
_BRACKETS = re.compile(r"\\\(.*?\\\)")
_HIDDEN = "\ue07c"
"""Stands for a bar while the row is split: a character that nobody writes."""


def tables_plugin(md: MarkdownIt) -> None:
    """Add the rule to `md`; tokens are those of any table."""
    md.block.ruler.before("table", "table_formulas", _rule, {"alt": ["paragraph", "reference"]})


def _rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if silent or "|" not in _line(state, start_line):
        return False
    source, first = state.src, len(state.tokens)
    try:
        _hide_between(state, start_line, start_line + 1)
        if not table(state, start_line, end_line, True):
            return False
        last = next((line for line in range(start_line, end_line) if state.isEmpty(line)), end_line)
        _hide_between(state, start_line + 2, last)
        found = table(state, start_line, end_line, False)
    finally:
        state.src = source
    for token in state.tokens[first:]:
        token.content = token.content.replace(_HIDDEN, "|")
    return found


def _hide_between(state: StateBlock, start_line: int, end_line: int) -> None:
    """Hide the bars of formulas in these lines; every position in the source stays what it is."""
    if start_line < end_line:
        begin, end = state.bMarks[start_line], state.eMarks[end_line - 1]
        rows = state.src[begin:end]
        hidden = "\n".join(map(_hide_bars, rows.split("\n")))
        if hidden != rows:
            state.src = state.src[:begin] + hidden + state.src[end:]


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
