"""What of an answer is said aloud: sentences of prose, without code, formulas and the signs of Markdown.

Pure. Text comes in pieces of any size; where a piece ends makes no difference to the sentences.
"""

from __future__ import annotations

import re

from autoglm_desktop.core.markup import without_tags
from autoglm_desktop.ui.transcript.fences import Fences

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|<br)|[。！？；][”’」』）]*", re.IGNORECASE)
_ENDING = ".!?…。！？；\"'”’」』）)]<bBrR"
"""Characters at the end of a line that more text may turn into the end of a sentence."""
_FENCE = re.compile(r"\s*(```|~~~)")
_FORMULA = re.compile(r"\s*(\$\$|\\\[|\\\])")
_TABLE_RULE = re.compile(r"(?=[^-]*-)[\s:|-]+$")
_NUMBER = re.compile(r"\s*\d+[.)]\s")
_LEAD = re.compile(r"^\s*(?:(?:>|#{1,6}|[-*+])\s+|\d+[.)]\s+|\[[ xX]\]\s+)+")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_ADDRESS = re.compile(r"<?(?:https?://|\bwww\.)[^\s<>，。；、）]+>?")
_SIGNS = re.compile(r"[*_`~#|<>\\^{}\[\]$]+")
_SPACES = re.compile(r"\s+")
_SAYABLE = re.compile(r"\w")


class SpokenText:
    """Takes an answer as it grows and gives the sentences to say."""

    def __init__(self) -> None:
        self._line = ""
        self._fences = Fences()
        self._formula = False
        self._begun = False
        """Whether sentences of the line in hand were given already."""
        self._searched = 0
        """Where the search for the end of a sentence goes on: before it there is none."""

    def feed(self, text: str) -> list[str]:
        """Take more of the answer; the sentences that it completes, in order."""
        found: list[str] = []
        for piece in text.splitlines(keepends=True):
            self._line += piece
            if piece.endswith(("\n", "\r", "\u2028", "\u2029", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85")):
                found += self._end_line()
            else:
                found += self._ready()
        return found

    def finish(self) -> list[str]:
        """The answer is over; what is left of it."""
        return self._end_line() if self._line else []

    def _ready(self) -> list[str]:
        """Sentences at the begin of a line that still grows."""
        found: list[str] = []
        while self._is_prose() and (end := _sentence_end(self._line, self._searched, begun=self._begun)):
            found += _clean(self._line[:end])
            self._line, self._begun, self._searched = self._line[end:], True, 0
        self._searched = len(self._line.rstrip(_ENDING))
        return found

    def _end_line(self) -> list[str]:
        found = self._ready()
        line, begun = self._line, self._begun
        self._line, self._begun, self._searched = "", False, 0
        if (not begun and not self._formula and self._fences.feed(line)) or self._fences.is_open:
            pass
        elif not begun and _FORMULA.match(line):
            self._formula = self._stays_open(line)
        elif not self._formula and not (not begun and _TABLE_RULE.match(line)):
            found += _clean(line)
        return found

    def _stays_open(self, line: str) -> bool:
        """Whether a line with a sign of a formula leaves one open."""
        signs = line.count("$$") + line.count("\\[") + line.count("\\]")
        return self._formula if signs % 2 == 0 else not self._formula

    def _is_prose(self) -> bool:
        if self._fences.is_open or self._formula:
            return False
        return self._begun or not (_FENCE.match(self._line) or _FORMULA.match(self._line))


def _sentence_end(line: str, start: int, *, begun: bool) -> int | None:
    """Behind the first sentence that ends behind `start`, if there is one: never inside of a link or of code."""
    number = None if begun else _NUMBER.match(line)
    for match in _END.finditer(line, max(start, number.end() if number else 0)):
        if match.end() == len(line):  # a closing quotation mark may follow
            return None
        head = line[: match.end()]
        if head.count("[") <= head.count("]") and head.count("`") % 2 == 0 and head.count("(") <= head.count(")"):
            return match.end()
    return None


def _clean(line: str) -> list[str]:
    """The words of a line, or nothing when there are none."""
    text = without_tags(_LINK.sub(r"\1", _LEAD.sub("", line)))
    text = _ADDRESS.sub(" ", text)
    text = text.strip().strip("|").replace("|", ", ")
    text = _SPACES.sub(" ", _ADDRESS.sub(" ", _SIGNS.sub("", text))).strip()
    return [text] if _SAYABLE.search(text) else []
