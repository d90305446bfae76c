"""Marks: the tokens that structure a prompt, and how text that only spells one is kept from being taken for it.

Only what the chat template itself writes is structure. A message may spell the same characters, so before a template
renders it every mark in it is broken by a guard, a code point that no text may hold (a Unicode noncharacter). In the
rendered text the marks that are still whole are the template's own; the guards are taken out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from autoglm_desktop.core.stops import held_length

GUARD = "\ufdd0"
_ESCAPES = {GUARD: "\ufdd1\ufdd2", "\ufdd1": "\ufdd1\ufdd3"}
"""How a guard that a message itself holds is written until the guards are taken out."""
_ORIGINALS = {escaped: sign for sign, escaped in _ESCAPES.items()} | {GUARD: ""}
_ESCAPED = re.compile("|".join(_ESCAPES))
_GUARDED = re.compile("|".join(_ORIGINALS))
_BRACKETED = re.compile(r"<[^<>\s]{1,64}>|\[[^\[\]\s]{1,64}\]")
_INNER = re.compile("think|thought|reason|answer|tool|function|python|box", re.IGNORECASE)


class Rendered(str):
    """A prompt as the template made it. `marks` are the places (start, end) of its own marks, in order."""

    marks: tuple[tuple[int, int], ...]

    def __new__(cls, text: str, marks: Sequence[tuple[int, int]]) -> Rendered:
        made = super().__new__(cls, text)
        made.marks = tuple(marks)
        return made


def looks_like_mark(text: str) -> bool:
    """Whether a token is written as marks are: ``<...>`` or ``[...]`` without a space."""
    return _BRACKETED.fullmatch(text) is not None


def marks_in(text: str) -> set[str]:
    """Everything in a text that is written as a mark."""
    return set(_BRACKETED.findall(text))


def leading_mark(text: str) -> str | None:
    """The mark that a text begins with, white space aside."""
    found = _BRACKETED.match(text.lstrip())
    return found[0] if found else None


def is_inner(mark: str) -> bool:
    """Whether a mark belongs into an answer: it encloses thoughts, calls of tools or the answer itself."""
    return _INNER.search(mark) is not None


class Marks:
    """The spellings of one tokenizer's marks: finds them, and guards text against being taken for one."""

    def __init__(self, spellings: Iterable[str]) -> None:
        self._spellings = sorted({mark for mark in spellings if len(mark) > 1}, key=lambda mark: (-len(mark), mark))
        self._tails = {mark[start:] for mark in self._spellings for start in range(1, len(mark))}
        self._whole = re.compile("|".join(map(re.escape, self._spellings)) or "(?!)")
        self._first = _first_signs(self._spellings)

    def without(self, spellings: Iterable[str]) -> Marks:
        """The same but for some, which are then left as they are."""
        left_out = set(spellings)
        return Marks(mark for mark in self._spellings if mark not in left_out)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where whole marks stand, the longest at each place."""
        return [found.span() for found in self._whole.finditer(text)]

    def guard(self, text: str) -> str:
        """The same text with a guard inside each mark, and at an end that could become one with what stands there.

        White space at the ends stays outside of the guards, so that a template can trim it.
        """
        inside = self._first.sub(lambda sign: sign[0] + GUARD, _ESCAPED.sub(lambda sign: _ESCAPES[sign[0]], text))
        core = inside.strip()
        if not core or not self._spellings:
            return inside
        before, _, after = inside.partition(core)
        opens = GUARD if self._may_end_a_mark(core) else ""
        closes = GUARD if self._may_begin_a_mark(core) else ""
        return f"{before}{opens}{core}{closes}{after}"

    def rendered(self, guarded: str) -> Rendered:
        """Take the guards out; what is a whole mark before that is one of the template's."""
        parts: list[str] = []
        marks: list[tuple[int, int]] = []
        length = end = 0
        for start, stop in self.find(guarded):
            parts += [unguarded(guarded[end:start]), guarded[start:stop]]
            length += len(parts[-2]) + len(parts[-1])
            marks.append((length - len(parts[-1]), length))
            end = stop
        return Rendered("".join([*parts, unguarded(guarded[end:])]), marks)

    def _may_end_a_mark(self, text: str) -> bool:
        longest = len(self._spellings[0])
        return any(text[:length] in self._tails for length in range(1, longest))

    def _may_begin_a_mark(self, text: str) -> bool:
        """Also true for a text that fits into the middle of one."""
        return held_length(text, self._spellings) > 0 or any(text in mark for mark in self._spellings)


def unguarded(text: str) -> str:
    return _GUARDED.sub(lambda sign: _ORIGINALS[sign[0]], text)


def _first_signs(spellings: Iterable[str]) -> re.Pattern[str]:
    """Matches the first character of each mark, also of one that begins inside of another."""
    grouped = groupby(sorted(spellings), key=lambda mark: mark[0])
    starts = [f"{re.escape(sign)}(?={'|'.join(re.escape(mark[1:]) for mark in marks)})" for sign, marks in grouped]
    return re.compile("|".join(starts) or "(?!)")
