"""LaTeX in Markdown: ``$…$`` and ``\\(…\\)`` in a line, ``$$…$$`` and ``\\[…\\]`` displayed.

A dollar opens before a character that is no space and closes after one, and not before a digit (pandoc's rule, so
that prices stay prices). A displayed formula ends at a blank line at the latest: what comes later never reaches back
over one, which the incremental rendering relies on.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

MAX_INLINE_CHARACTERS = 2000
_BLOCK = (("$$", "$$"), ("\\[", "\\]"))
_INLINE = (("\\(", "\\)", "math_inline"), ("\\[", "\\]", "math_display"), ("$$", "$$", "math_display"))


def math_plugin(md: MarkdownIt) -> None:
    """Add the rules to `md`; tokens are ``math_inline``, ``math_display`` (in a line) and ``math_block``."""
    md.inline.ruler.before("escape", "math", _inline)
    md.block.ruler.before("fence", "math", _block, {"alt": ["paragraph", "blockquote", "list"]})


def _inline(state: StateInline, silent: bool) -> bool:
    first = state.src[state.pos]
    if first not in "$\\":
        return False
    for opener, closer, kind in _INLINE:
        if state.src.startswith(opener, state.pos):
            end = _find(state, closer, state.pos + len(opener))
            return end > 0 and _push(state, silent, kind, (len(opener), end, end + len(closer)))
    end = _dollar_end(state) if first == "$" else -1
    return end > 0 and _push(state, silent, "math_inline", (1, end, end + 1))


def _push(state: StateInline, silent: bool, kind: str, cut: tuple[int, int, int]) -> bool:
    skip, end, after = cut
    content = state.src[state.pos + skip : end].strip()
    if not content:
        return False
    if not silent:
        state.push(kind, "math", 0).content = content
    state.pos = after
    return True


def _find(state: StateInline, closer: str, start: int) -> int:
    return state.src.find(closer, start, min(state.posMax, start + MAX_INLINE_CHARACTERS))


def _dollar_end(state: StateInline) -> int:
    start = state.pos + 1
    if start >= state.posMax or state.src[start].isspace():
        return -1
    end = _find(state, "$", start)
    while end > 0:
        before, after = state.src[end - 1], state.src[end + 1 : end + 2]
        if not before.isspace() and before != "\\" and not after.isdigit():
            return end
        end = _find(state, "$", end + 1)
    return -1


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    first = _line(state, start_line)
    for opener, closer in _BLOCK:
        if first.startswith(opener):
            last = _closing_line(state, start_line, end_line, len(opener), closer)
            if last is None:
                return False
            if not silent:
                _push_block(state, start_line, last, opener, closer)
            return True
    return False


def _closing_line(state: StateBlock, start: int, end: int, skip: int, closer: str) -> int | None:
    """The line that ends with `closer`, or None when a blank line, the container's end or other text comes first."""
    rest = _line(state, start)[skip:]
    for line in range(start, end):
        if line > start:
            rest = _line(state, line)
            if not rest or state.sCount[line] < state.blkIndent:
                return None
        position = rest.find(closer)
        if position >= 0:
            return line if not rest[position + len(closer) :].strip() else None
    return None


def _push_block(state: StateBlock, start: int, last: int, opener: str, closer: str) -> None:
    raw = state.getLines(start, last + 1, state.sCount[start], False).strip()
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = raw.removeprefix(opener).removesuffix(closer).strip()
    token.map = [start, last + 1]
    state.line = last + 1


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
