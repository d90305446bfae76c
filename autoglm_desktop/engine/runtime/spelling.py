"""How answers were spelled: sampling may choose other tokens for a text than the tokenizer would.

Encoded again for the next turn, such an answer would no longer agree with the KV cache from there on. So the tokens
that were sampled are remembered by their text, and put back where the same text stands between two special tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

_KEPT = 512


class Spelling:
    """Remembers the last answers of one tokenizer whose tokens were unusual."""

    def __init__(self, marks: Mapping[int, str]) -> None:
        """`marks` are the special tokens: a text is never encoded across one."""
        self._marks = marks
        names = sorted(marks.values(), key=len, reverse=True)
        self._split = re.compile("|".join(map(re.escape, names))) if names else None
        self._known: dict[str, tuple[int, ...]] = {}

    def last_piece(self, tokens: Sequence[int]) -> list[int]:
        """What stands behind the last mark."""
        start = next((i for i in range(len(tokens), 0, -1) if tokens[i - 1] in self._marks), 0)
        return list(tokens[start:])

    def learn(self, text: str, tokens: Sequence[int]) -> None:
        """The piece `text` was said with `tokens`."""
        self._known.pop(text, None)
        self._known[text] = tuple(tokens)
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]

    def forget(self) -> None:
        self._known.clear()

    def apply(self, text: str, tokens: list[int]) -> list[int]:
        """`tokens`, which encode `text`, with every piece that is known as it was said."""
        if not self._known or self._split is None:
            return tokens
        texts, pieces = self._split.split(text), list(self._pieces(tokens))
        if len(texts) != len(pieces):  # something else than marks was taken for one
            return tokens
        return [t for name, piece in zip(texts, pieces, strict=True) for t in self._said(name, piece)]

    def _said(self, text: str, piece: list[int]) -> list[int]:
        """A piece begins with its mark, except the first one."""
        mark = piece[:1] if piece and piece[0] in self._marks else []
        known = self._known.get(text)
        return piece if known is None else [*mark, *known]

    def _pieces(self, tokens: Sequence[int]) -> Iterator[list[int]]:
        piece: list[int] = []
        for token in tokens:
            if token in self._marks:
                yield piece
                piece = []
            piece.append(token)
        yield piece
