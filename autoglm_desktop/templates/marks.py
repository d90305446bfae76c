"""Marks: the tokens that structure a prompt, and how text that only spells one is kept from being taken for it.

Only what the chat template itself writes is structure. A message may spell the same characters, so before a template
renders it every mark in it is broken by a guard, a code point that no text may hold (a Unicode noncharacter). In the
rendered text the marks that are still whole are the template's own; the guards are taken out again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

GUARD = "\ufdd0"
_BORDER = "\ufdd5"
"""Between marks in a list of them; it is in no mark."""
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
        self._spellings = {mark for mark in spellings if len(mark) > 1}
        self._longest = max(map(len, self._spellings), default=0)
        self._listed = _BORDER.join(["", *self._spellings, ""])
        self._whole = re.compile(_pattern(self._spellings) or "(?!)")
        self._first_signs = {mark[0] for mark in self._spellings}
        self._last_signs = {mark[-1] for mark in self._spellings}

    def without(self, spellings: Iterable[str]) -> Marks:
        """The same but for some, which are then left as they are."""
        return Marks(self._spellings.difference(spellings))

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where whole marks stand, the longest at each place."""
        return [found.span() for found in self._whole.finditer(text)]

    def guard(self, text: str) -> str:
        """The same text with a guard inside each mark, and at an end that could become one with what stands there.

        White space at the ends stays outside of the guards, so that a template can trim it.
        """
        inside = self._broken(_ESCAPED.sub(lambda sign: _ESCAPES[sign[0]], text))
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

    def _broken(self, text: str) -> str:
        """With a guard behind the first character of each mark, also of one that begins inside of another."""
        parts: list[str] = []
        end = 0
        while found := self._whole.search(text, end):
            parts += [text[end : found.start() + 1], GUARD]
            end = found.start() + 1
        return "".join([*parts, text[end:]])

    def _may_end_a_mark(self, text: str) -> bool:
        lengths = [n for n, sign in enumerate(text[: self._longest - 1], 1) if sign in self._last_signs]
        return any(f"{text[:length]}{_BORDER}" in self._listed for length in lengths)

    def _may_begin_a_mark(self, text: str) -> bool:
        """Also true for a text that fits into the middle of one."""
        lengths = [n for n, sign in enumerate(reversed(text[1 - self._longest :]), 1) if sign in self._first_signs]
        begins = any(f"{_BORDER}{text[-length:]}" in self._listed for length in lengths)
        return begins or (len(text) < self._longest and text in self._listed)


def unguarded(text: str) -> str:
    return _GUARDED.sub(lambda sign: _ORIGINALS[sign[0]], text)


def _pattern(words: Collection[str]) -> str:
    """A regular expression for the longest of many words at a place: it branches with each character, as a trie."""
    branches = [f"{re.escape(sign)}{_pattern(rest)}" for sign, rest in _by_first(words)]
    if not branches:
        return ""
    together = branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
    return f"(?:{together})?" if "" in words else together


def _by_first(words: Collection[str]) -> Iterator[tuple[str, set[str]]]:
    """Words by their first character, with what follows it; an empty one is left out."""
    for sign, group in groupby(sorted(filter(None, words)), key=lambda word: word[0]):
        yield sign, {word[1:] for word in group}
