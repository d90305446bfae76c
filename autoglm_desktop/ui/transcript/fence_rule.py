"""Blocks of Markdown code for the parser: they end where `Fences` says."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

from .fences import Fences


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
