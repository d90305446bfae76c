"""Fenced code, line by line, and with fences inside of it when the code is Markdown.

Models write the fence of a Markdown block and those inside of it with the same three signs. In a block of the language
``markdown`` a fence with a language therefore opens an inner block, and a bare one closes the innermost.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})(.*)", re.DOTALL)
_MARKDOWN = frozenset({"markdown", "md"})


class Fences:
    """Knows whether the next line is code; `feed` it with lines."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._nests = False

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    @property
    def depth(self) -> int:
        """How many fences are open around the next line."""
        return len(self._open)

    @property
    def nests(self) -> bool:
        """Whether the open block is Markdown, which may hold fences."""
        return self._nests

    def feed(self, line: str) -> bool:
        """Take a line; True when it is a fence that opens or closes something."""
        match = _FENCE.match(line)
        if match is None:
            return False
        fence, info = match[1], match[2].strip()
        if not self._open:
            self._open, self._nests = [fence], is_markdown(info)
        elif fence.startswith(self._open[-1]) and not info:
            self._open.pop()
        elif self._nests and fence.startswith(self._open[0]):
            self._open.append(fence)
        else:
            return False
        return True


def is_markdown(info: str) -> bool:
    """Whether the words after a fence name Markdown as the language of the block."""
    return info.split()[:1] != [] and info.split(maxsplit=1)[0].strip("{}.").lower() in _MARKDOWN
