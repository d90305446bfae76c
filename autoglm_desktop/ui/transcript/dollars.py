"""Whether what stands between two dollar signs is a formula: prices and variables of a shell use the sign as well.

A formula seldom holds prose, and what stands between two prices or two variables nearly always does. So the words,
brackets and signs between the dollars decide, together with the characters right outside.
"""

from __future__ import annotations

import re

from .inline_state import is_cjk

_STRONG = re.compile(r"\\[A-Za-z]+|\^|_\{|[})\]]_|(?<![A-Za-z0-9_])[A-Za-z]_")
"""A command, a power, or an index of a single letter: nothing that prose has."""
_TEXT = re.compile(r"\\(?:text[a-z]*|mathrm|operatorname|mbox)\s*\{[^{}]*\}")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_PHRASE = re.compile(r"(?<![\\A-Za-z])([a-z]{3,})[\s,;:.]+([a-z]{3,})(?![A-Za-z])")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w+", re.ASCII)
_FOREIGN = re.compile('["“”¥€£￥]')
_FUNCTION = re.compile(
    "(?:arc)?(?:sin|cos|tan)h?|cot|sec|csc|log|ln|lg|exp|lim|max|min|sup|inf|mod|gcd|lcm|det|dim|ker|deg|arg|d[xytzr]"
)
_PROSE = re.compile(
    "and|or|the|to|of|in|is|was|are|for|with|per|not|but|at|by|on|as|an|be|it|if|vs|than|then|each|from|now|only|off"
)
_OPEN, _CLOSED = "([{", ")]}"


def reads_as_formula(before: str, tex: str, after: str) -> bool:
    """Whether ``$tex$`` between the characters `before` and `after` (each may be empty) is meant as a formula."""
    if not tex or tex[0].isspace() or tex[-1].isspace() or after.isdigit():
        return False
    if before.isdigit() and not (tex[0].isalpha() or tex[0] in "\\{("):  # 5$-6$
        return False
    if before.isalpha() and before.isascii() and tex[0].isdigit():  # US$5
        return False
    if not _begins_and_ends_well(tex) or (_joins_a_name(after) and not _stands_before_a_name(tex)):
        return False
    return bool(_STRONG.search(tex)) or not _reads_as_prose(tex)


def _begins_and_ends_well(tex: str) -> bool:
    if len(tex) == 1:
        return not is_cjk(tex)
    return tex[0] not in ",;)]}" and ("\\" in tex or tex[-1] not in "_^([{")


def _joins_a_name(after: str) -> bool:
    return after != "" and after.isascii() and (after.isalpha() or after in "_{(")


def _stands_before_a_name(tex: str) -> bool:
    """Whether a formula could be written right before a letter: not ``$PATH:`` of ``$PATH:$HOME``."""
    if any(map(is_cjk, tex)) or _IDENTIFIER.fullmatch(tex):
        return False
    return tex[-1].isalnum() or tex[-1] in ")]}'"


def _reads_as_prose(tex: str) -> bool:
    plain = _TEXT.sub(" ", tex)
    words = [word for word in _WORD.findall(plain) if not _FUNCTION.fullmatch(word)]
    is_amount = plain[:1].isdigit()
    prose = [word for word in words if _PROSE.fullmatch(word.lower())]
    is_equation = "=" in plain and len(prose) == len(words) and not is_amount  # x = 1 or x = 2
    if (prose and not is_equation) or _FOREIGN.search(plain):
        return True
    if any(map(is_cjk, plain)):
        return is_amount or "=" not in plain
    if is_amount and (any(len(word) > 2 for word in words) or _unbalanced(plain)):
        return True
    return any(not (_FUNCTION.fullmatch(one) or _FUNCTION.fullmatch(two)) for one, two in _PHRASE.findall(plain))


def _unbalanced(text: str) -> bool:
    return sum(map(text.count, _OPEN)) != sum(map(text.count, _CLOSED))
