"""The state of one run of inline parsing: emphasis beside Chinese, Japanese and Korean text, and searches made once.

CommonMark decides whether ``**`` opens or closes by the characters beside it, and expects spaces around punctuation.
The amendment https://github.com/tats-u/markdown-cjk-friendly/blob/main/specification.md lifts that where one of the
neighbours is a CJK character; text without such characters is parsed as CommonMark says.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left

from markdown_it import MarkdownIt
from markdown_it.common.utils import isPunctChar, isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

_AMBIGUOUS = frozenset("‘’“”")
_FULL_WIDTH_FORM = "\ufe01"


class InlineState(StateInline):
    """`StateInline` with the amended `scanDelims`, and with `find` for rules that look ahead."""

    def __init__(self, src: str, md: MarkdownIt, env: EnvType, out_tokens: list[Token]) -> None:
        super().__init__(src, md, env, out_tokens)
        self._places: dict[re.Pattern[str], list[int]] = {}
        self.escaped_brackets: frozenset[int] | None = None
        """Brackets whose backslash is Markdown's, once a rule asked for them."""

    def places(self, pattern: re.Pattern[str]) -> list[int]:
        """Where `pattern` begins, in order. The text is searched once however often a rule asks."""
        if pattern not in self._places:
            self._places[pattern] = [match.start() for match in pattern.finditer(self.src)]
        return self._places[pattern]

    def find(self, pattern: re.Pattern[str], start: int) -> int:
        """The first place of `pattern` at or behind `start`, or -1."""
        places = self.places(pattern)
        index = bisect_left(places, start)
        return places[index] if index < len(places) and places[index] < self.posMax else -1

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N803
        """The length of the run of delimiters at `start`, and whether it can open and close."""
        end = start
        while end < self.posMax and self.src[end] == self.src[start]:
            end += 1
        after = self.src[end] if end < self.posMax else " "
        last, last_cjk = _sequence_before(self.src, start)
        last_punctuation, next_punctuation = isPunctChar(last), isPunctChar(after)
        last_space, next_space = isWhiteSpace(ord(last)), isWhiteSpace(ord(after))
        next_cjk = is_cjk(after)
        beside_last = last_space or last_punctuation or last_cjk
        beside_next = next_space or next_punctuation or next_cjk
        left = not next_space and (not next_punctuation or next_cjk or beside_last)
        right = not last_space and (not last_punctuation or last_cjk or beside_next)
        can_open = left and (canSplitWord or not right or last_punctuation)
        can_close = right and (canSplitWord or not left or next_punctuation)
        return Scanned(can_open, can_close, end - start)


class InlineParser(ParserInline):
    """`ParserInline` that works on an `InlineState`."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse `src` and put its tokens into `tokens`."""
        state = InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def is_cjk(character: str) -> bool:
    """Whether a character is wide, or half-width and of CJK scripts, or Hangul; emoji are not."""
    code = ord(character)
    if code < 0x1100:
        return False
    if code <= 0x11FF or 0xD7B0 <= code <= 0xD7FB:  # Hangul that joins the syllable before it has no width
        return True
    if (0x231A <= code <= 0x2B55 and code not in (0x2329, 0x232A)) or 0x1F000 <= code <= 0x1FFFF:
        return False
    return unicodedata.east_asian_width(character) in "WFH"


def _sequence_before(src: str, end: int) -> tuple[str, bool]:
    """The character before `end`, without a selector of its shape, and whether it counts as CJK."""
    last = src[end - 1] if end > 0 else " "
    if "\U000e0100" <= last <= "\U000e01ef":  # selects the shape of an ideograph
        return last, True
    if end > 1 and "\ufe00" <= last <= "\ufe0e":
        base = src[end - 2]
        return base, is_cjk(base) or (base in _AMBIGUOUS and last == _FULL_WIDTH_FORM)
    return last, is_cjk(last)
