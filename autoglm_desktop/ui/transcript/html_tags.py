"""The HTML that models write amid Markdown: ``<br>`` breaks the line, ``<sub>`` and ``<sup>`` lower and raise.

Any other tag stays text, and so does one without its partner.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from autoglm_desktop.core.markup import BREAK_TAG, SCRIPT_TAG

_BREAK = re.compile(BREAK_TAG.pattern + r"[ \t]*\n?[ \t]*", re.IGNORECASE)


def html_tags_plugin(md: MarkdownIt) -> None:
    """Add the rules to `md`; tokens are ``hardbreak`` and pairs of ``sub_open`` … ``sup_close``."""
    md.inline.ruler.before("autolink", "html_break", _break)
    md.inline.ruler.after("html_break", "html_script", _script)
    md.inline.ruler2.after("emphasis", "html_script_pairs", _pair)


def _break(state: StateInline, silent: bool) -> bool:
    match = _BREAK.match(state.src, state.pos, state.posMax) if state.src[state.pos] == "<" else None
    if match is None:
        return False
    if not silent and match.end() < state.posMax:  # at the very end it would only add an empty line
        state.push("hardbreak", "br", 0)
    state.pos = match.end()
    return True


def _script(state: StateInline, silent: bool) -> bool:
    match = SCRIPT_TAG.match(state.src, state.pos, state.posMax) if state.src[state.pos] == "<" else None
    if match is None:
        return False
    if not silent:
        token = state.push("script_tag", match[2].lower(), 0)
        token.content, token.markup = match[0], match[1]
    state.pos = match.end()
    return True


def _pair(state: StateInline) -> None:
    """Turn tags into pairs; what is nested in one keeps its words and takes the position of the outer one."""
    tags = [token for token in state.tokens if token.type == "script_tag"]
    partners = _partners(tags)
    depth = 0
    for index, token in enumerate(tags):
        token.type = "text"
        if index not in partners:
            continue
        token.content = ""
        depth += -1 if token.markup else 1
        if depth == (0 if token.markup else 1):
            token.type = f"{token.tag}_{'close' if token.markup else 'open'}"


def _partners(tags: list[Token]) -> set[int]:
    """The indices of tags that belong to a pair; a closing one ends the last of its kind and all that began since."""
    found: set[int] = set()
    stack: list[int] = []
    waiting = {"sub": 0, "sup": 0}
    for index, token in enumerate(tags):
        if not token.markup:
            stack.append(index)
            waiting[token.tag] += 1
        elif waiting[token.tag]:
            while tags[opening := stack.pop()].tag != token.tag:
                waiting[tags[opening].tag] -= 1
            waiting[token.tag] -= 1
            found |= {opening, index}
    return found
