"""A conversation's title out of the first words of its first prompt: no generation, no touch of a cache."""

from __future__ import annotations

import re
import unicodedata

from autoglm_desktop.core.markup import without_tags

MAX_CELLS = 40
"""Width in columns of a fixed font; a Chinese character takes two."""
MAX_READ_CHARACTERS = 1000
"""A title is made of the begin of a prompt: links and signs of Markdown seldom take more than that."""

_FENCE = re.compile(r"^[ \t]*(```|~~~).*$", re.MULTILINE)
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|\d+[.)][ \t]+)+", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|~~|`+|\*)(?=\S)(.+?)(?<=\S)\1")
_SENTENCE_END = re.compile(r"[。！？!?](?=\s|$)|[。！？]|\.(?=\s)")


def title_of(prompt: str) -> str:
    """The first sentence of the prompt without Markdown, at most MAX_CELLS wide; never empty for a non-blank prompt."""
    prompt = prompt.lstrip()[:MAX_READ_CHARACTERS]
    plain = " ".join(_without_markdown(prompt).split()) or " ".join(prompt.split())
    end = _SENTENCE_END.search(plain)
    sentence = plain[: end.end()] if end else plain
    return _shortened(sentence)


def _without_markdown(text: str) -> str:
    text = _LINK.sub(r"\1", _LINE_MARK.sub("", _FENCE.sub("", text)))
    return _EMPHASIS.sub(r"\2", without_tags(text))


def _shortened(text: str) -> str:
    """Cut to the width, between words where that keeps at least half of it."""
    cells = 0
    for position, character in enumerate(text):
        cells += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if cells > MAX_CELLS:
            head = text[:position]
            gap = head.rfind(" ")
            return (head[:gap] if gap > len(head) // 2 else head).rstrip(" ,，、;；:：") + "…"
    return text
