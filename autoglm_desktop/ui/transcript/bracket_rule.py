"""Brackets that begin no link, known without a look at what follows them.

The parser's own rules read on from each bracket to find its partner, for brackets in brackets again and again. Without
link definitions a link or image needs ``](`` behind it; where none is left, the bracket is text.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from .inline_state import InlineState

_TARGET = re.compile(r"\]\(")


def brackets_plugin(md: MarkdownIt) -> None:
    """Add the rule to `md`, which must have no link definitions."""
    md.inline.ruler.before("link", "bracket", _rule)


def _rule(state: StateInline, silent: bool) -> bool:
    sign = state.src[state.pos]
    is_image = sign == "!" and state.src.startswith("[", state.pos + 1)
    if not (sign == "[" or is_image) or not isinstance(state, InlineState) or state.find(_TARGET, state.pos) >= 0:
        return False
    if not silent:
        state.append_pending(sign)
    state.pos += 1
    return True
