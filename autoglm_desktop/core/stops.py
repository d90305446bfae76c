"""Stop strings: found across the borders of tokens, and never shown."""

from __future__ import annotations

from collections.abc import Iterable


class StopScanner:
    """Passes text on until a stop string is complete; what might become one is held back.

    The string that ends first wins, the longest of those that end together: the result does not depend on how the
    text was cut into pieces.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """Text that may be shown now. After a stop everything is swallowed."""
        if self.stopped:
            return ""
        if not self._stops:
            return text
        text = self._held + text
        cut = self._find(text)
        if cut is None:
            cut = len(text) - held_length(text, self._stops)
            self._held = text[cut:]
            return text[:cut]
        self.stopped, self._held = True, ""
        return text[:cut]

    def finish(self) -> str:
        """What was held back and did not become a stop string."""
        held, self._held = self._held, ""
        return held

    def _find(self, text: str) -> int | None:
        """Where the first stop string begins."""
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        return min(found)[1] if found else None


def held_length(text: str, marks: Iterable[str]) -> int:
    """Length of the longest end of `text` that is the beginning of one of `marks`, but not all of it."""
    return max((_overlap(text, mark) for mark in marks), default=0)


def _overlap(text: str, mark: str) -> int:
    lengths = range(min(len(text), len(mark) - 1), 0, -1)
    return next((n for n in lengths if text.endswith(mark[:n])), 0)
