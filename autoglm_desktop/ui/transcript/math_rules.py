"""LaTeX in Markdown: ``$…$`` and ``\\(…\\)`` in a line, ``$$…$$`` and ``\\[…\\]`` displayed.

A dollar opens before a character that is no space; the next dollar closes it or nothing does (see `dollars`). A
displayed formula ends at a blank line at the latest: what comes later never reaches back over one, which the
incremental rendering relies on. A formula that was never finished is shown as it was written.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from .dollars import reads_as_formula
from .inline_state import InlineState

MAX_INLINE_CHARACTERS = 2000
_BLOCK = (("$$", "$$"), ("\\[", "\\]"))
_INLINE = {
    "\\(": (re.compile(r"\\\)"), "math_inline"),
    "\\[": (re.compile(r"\\\]"), "math_display"),
    "$$": (re.compile(r"(?=\$\$)"), "math_display"),
}
_DOLLAR = re.compile(r"(?<!\\)\$")
_BRACKET = re.compile(r"\\(.)|([\[\]()])", re.DOTALL)
_PARTNER = {"]": "[", ")": "("}


def math_plugin(md: MarkdownIt) -> None:
    """Add the rules to `md`; tokens are ``math_inline``, ``math_display`` (in a line) and ``math_block``."""
    md.inline.ruler.before("escape", "math", _inline)
    md.block.ruler.before("fence", "math", _block, {"alt": ["paragraph", "blockquote", "list"]})


def _inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\" or not isinstance(state, InlineState):
        return False
    opener = state.src[state.pos : state.pos + 2]
    if opener in _INLINE:
        pattern, kind = _INLINE[opener]
        start = state.pos + 2
        end = state.find(pattern, start)
        if end < 0 and _is_half_written(state, opener):
            return _push_rest(state, silent)
        if 0 <= end - start <= MAX_INLINE_CHARACTERS and (opener != "$$" or _is_formula(state, start, end, 2)):
            return _push(state, silent, kind, (start, end, end + 2))
    return opener[0] == "$" and _dollar(state, silent)


def _is_formula(state: StateInline, start: int, end: int, width: int) -> bool:
    """Whether dollars around ``src[start:end]``, `width` on each side, enclose a formula."""
    content, source = state.src[start:end], state.src
    if width == 1:
        return reads_as_formula(source[max(0, start - 2) : start - 1], content, source[end + 1 : end + 2])
    return "$" not in content and reads_as_formula("", content.strip(), "")


def _dollar(state: InlineState, silent: bool) -> bool:
    start = state.pos + 1
    end = state.find(_DOLLAR, start)
    if not 0 < end - start <= MAX_INLINE_CHARACTERS or not _is_formula(state, start, end, 1):
        return False
    return _push(state, silent, "math_inline", (start, end, end + 1))


def _push(state: StateInline, silent: bool, kind: str, cut: tuple[int, int, int]) -> bool:
    start, end, after = cut
    content = state.src[start:end].strip()
    if not content:
        return False
    if not silent:
        state.push(kind, "math", 0).content = content
    state.pos = after
    return True


def _is_half_written(state: InlineState, opener: str) -> bool:
    """Whether nothing closes this opener, not even as the bracket that a backslash keeps from being a link."""
    if opener != "$$":
        return state.pos not in _escaped_brackets(state)
    line = state.src[state.src.rfind("\n", 0, state.pos) + 1 : state.pos]
    return not line.strip() and state.src[state.pos + 2 : state.pos + 3] != "$"


def _escaped_brackets(state: InlineState) -> frozenset[int]:
    """Where ``\\[`` and ``\\(`` are brackets that a plain ``]`` or ``)`` closes."""
    if state.escaped_brackets is None:
        found: list[int] = []
        stacks: dict[str, list[int]] = {"[": [], "(": []}
        for match in _BRACKET.finditer(state.src):
            sign = match[1] or match[2]
            if sign in stacks:
                stacks[sign].append(match.start() if match[1] else -1)
            elif match[2] and stacks[_PARTNER[sign]]:
                found.append(stacks[_PARTNER[sign]].pop())
        state.escaped_brackets = frozenset(found)
    return state.escaped_brackets


def _push_rest(state: StateInline, silent: bool) -> bool:
    """All that follows is the begin of a formula: its backslashes are not Markdown's."""
    if not silent:
        state.append_pending(state.src[state.pos : state.posMax].replace("\n", "\u2028"))
    state.pos = state.posMax
    return True


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    first = _line(state, start_line)
    for opener, closer in _BLOCK:
        if first.startswith(opener):
            last = _closing_line(state, start_line, end_line, closer)
            if last is None:
                return False
            if not silent:
                _push_block(state, start_line, last, opener, closer)
            return True
    return False


def _closing_line(state: StateBlock, start: int, end: int, closer: str) -> int | None:
    """The line that ends with `closer`, or None when a blank line, the container's end or other text comes first."""
    rest = _line(state, start)[2:]
    if closer in rest:
        return start if rest.endswith(closer) and rest.find(closer) == len(rest) - len(closer) else None
    last = _next_stop(state, start + 1, end, closer)
    return (
        last if last < end and _line(state, last).find(closer) == len(_line(state, last)) - len(closer) >= 0 else None
    )


def _next_stop(state: StateBlock, start: int, end: int, closer: str) -> int:
    """The first line from `start` on that ends a formula or forbids it. Each line is looked at once."""
    known = state.env.setdefault("math_stops", {})
    key = (closer, end, state.level, state.blkIndent)
    begin, stop = known.get(key, (0, -1))
    if begin <= start <= stop:
        return int(stop)
    line = start
    while line < end:
        text = _line(state, line)
        if not text or state.sCount[line] < state.blkIndent or closer in text:
            break
        line += 1
    known[key] = (start, line)
    return line


def _push_block(state: StateBlock, start: int, last: int, opener: str, closer: str) -> None:
    raw = state.getLines(start, last + 1, state.sCount[start], False).strip()
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = raw.removeprefix(opener).removesuffix(closer).strip()
    token.map = [start, last + 1]
    state.line = last + 1


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
