"""How answers were spelled: sampling may choose other tokens for a text than the tokenizer would.

Encoded again for the next turn, such an answer would no longer agree with the KV cache from there on. So the tokens
that were sampled are remembered by their text, and put back where the same text stands behind the same special token.
"""

from __future__ import annotations

from collections.abc import Sequence

from .encoding import Piece

_KEPT = 512


class Spelling:
    """Remembers the last answers of one tokenizer whose tokens were unusual."""

    def __init__(self) -> None:
        self._known: dict[tuple[int | None, str], tuple[int, ...]] = {}

    def learn(self, piece: Piece) -> None:
        """The text of `piece` was said with its tokens."""
        key = piece.mark, piece.text
        self._known.pop(key, None)
        self._known[key] = tuple(piece.tokens)
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]

    def forget(self) -> None:
        self._known.clear()

    def tokens(self, piece: Piece) -> Sequence[int]:
        """The tokens of a piece without its mark: as it was said, or else as it was encoded."""
        return self._known.get((piece.mark, piece.text), piece.tokens)
