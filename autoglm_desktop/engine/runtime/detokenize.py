"""From tokens to text while they arrive, without ever breaking a character."""

from __future__ import annotations

from .prompt import TokenizerBundle

_BROKEN = "\ufffd"


class Detokenizer:
    """Joined, the pieces equal the decoding of all tokens at once, without a character that is cut off at its end.

    Tokens may hold part of a character, and some decoders treat the first token of a text differently. So a piece is
    the difference between two decodings that begin at the last border between whole characters.
    """

    def __init__(self, bundle: TokenizerBundle) -> None:
        self._bundle = bundle
        self._context: list[int] = []
        """Tokens of the last piece, already shown."""
        self._pending: list[int] = []

    def feed(self, token: int) -> str:
        """Text that is complete with this token; empty while a character is unfinished."""
        if token in self._bundle.hidden_ids:
            return ""
        self._pending.append(token)
        text = self._new_text()
        if not text or text.endswith(_BROKEN):
            return ""
        self._context, self._pending = self._pending, []
        return text

    def finish(self) -> str:
        """What is left at the end. Of a character that the limit cut through nothing can be shown."""
        text = self._new_text().rstrip(_BROKEN) if self._pending else ""
        self._context, self._pending = [], []
        return text

    def _new_text(self) -> str:
        before = self._bundle.decode(self._context)
        return self._bundle.decode(self._context + self._pending)[len(before) :]
