"""Text to tokens, with the marks of the template as their tokens and every other text as plain text."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenizers import AddedToken, Tokenizer

from autoglm_desktop.templates.marks import Marks, Rendered

_SLICE_CHARACTERS = 16_384
_BORDER_TOKENS = 64
"""By so many tokens the count of a slice may exceed what its text takes within the whole."""
_USUAL_CHARACTERS = 4
"""In a token, of most texts."""
_SHORT_CHARACTERS = 1 << 18
"""A text of so many characters is encoded at once, in much less than a second."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two special tokens: `mark` is the one before, None at the beginning."""

    mark: int | None
    text: str
    tokens: list[int]


class TooLong(Exception):  # noqa: N818 - a result, made an error by the one who knows the context
    """A text takes more than `least_tokens`, by its length about `about_tokens`."""

    def __init__(self, least_tokens: int, about_tokens: int) -> None:
        super().__init__(least_tokens, about_tokens)
        self.least_tokens = least_tokens
        self.about_tokens = max(least_tokens, about_tokens)


class Encoder:
    """Encodes with a tokenizer that knows no marks: they are put in by their place, not by their spelling.

    All is encoded in one call, in which a token with a random name stands for each mark. So the text around is split
    and normalized exactly as if the marks were active.
    """

    def __init__(self, tokenizer: Tokenizer, marks: Mapping[int, AddedToken], special_ids: frozenset[int]) -> None:
        """`marks` by id; pieces end at those of `special_ids` only."""
        self._marks = dict(marks)
        self._special_ids = special_ids
        self._ids = {token.content: i for i, token in marks.items()}
        self.spellings = Marks(self._ids)
        self._place = f"\ufdd4{secrets.token_hex(8)}"
        words = {i: token for i, token in tokenizer.get_added_tokens_decoder().items() if i not in marks}
        self._tokenizer = _without_marks(tokenizer, words.values())
        self._tokenizer.add_tokens([AddedToken(self._place, normalized=False)])
        ids = {token.content: i for i, token in self._tokenizer.get_added_tokens_decoder().items()}
        self._place_id = ids[self._place]
        self._originals = {ids[token.content]: i for i, token in words.items() if ids[token.content] != i}

    def pieces(self, text: str) -> Iterator[Piece]:
        """The tokens of a text. In one that a template rendered its marks are active, otherwise all that it spells."""
        spans = self._spans(text)
        ids = [self._ids[text[start:end]] for start, end in spans]
        runs = self._stripped(_runs(text, spans), ids)
        encoded = self._split(self._plain(self._place.join(runs)))
        mark, said, tokens = None, runs[0], next(encoded)
        for token, run, run_tokens in zip(ids, runs[1:], encoded, strict=True):
            if token in self._special_ids:
                yield Piece(mark, said, tokens)
                mark, said, tokens = token, run, run_tokens
            else:
                said, tokens = f"{said}{self._marks[token].content}{run}", [*tokens, token, *run_tokens]
        yield Piece(mark, said, tokens)

    def plain(self, text: str) -> list[int]:
        """Tokens of a text in which no mark is active."""
        return self._defused(self._plain(text))

    def check_length(self, text: str, most_tokens: int, check: Callable[[], None]) -> None:
        """Raises TooLong for a text that cannot fit, long before it is encoded whole; calls `check` on the way."""
        check()
        if len(text) <= min(_SHORT_CHARACTERS, _USUAL_CHARACTERS * most_tokens):
            return
        self.check_characters(len(text), most_tokens)
        joined = self._place.join(_runs(text, self._spans(text)))
        counted = 0
        for number, start in enumerate(range(0, len(joined), _SLICE_CHARACTERS), 1):
            check()
            counted += len(self._plain(joined[start : start + _SLICE_CHARACTERS]))
            least = counted - number * _BORDER_TOKENS
            if least > most_tokens:
                share = min(1.0, (start + _SLICE_CHARACTERS) / len(joined))
                raise TooLong(least, int(least / share))

    def check_characters(self, count: int, most_tokens: int) -> None:
        """Raises TooLong when even the longest tokens would not do for so many characters."""
        if count > _USUAL_CHARACTERS * most_tokens and count > self._longest * most_tokens:
            raise TooLong(count // self._longest, count // _USUAL_CHARACTERS)

    @cached_property
    def _longest(self) -> int:
        """Characters in the longest token, which are bytes in many vocabularies: no fewer."""
        return max(map(len, self._tokenizer.get_vocab()))

    def _spans(self, text: str) -> list[tuple[int, int]]:
        return list(text.marks) if isinstance(text, Rendered) else self.spellings.find(text)

    def _stripped(self, runs: list[str], ids: Sequence[int]) -> list[str]:
        """Some tokens take in the white space beside them."""
        for place, mark in enumerate(ids):
            if self._marks[mark].lstrip:
                runs[place] = runs[place].rstrip()
            if self._marks[mark].rstrip:
                runs[place + 1] = runs[place + 1].lstrip()
        return runs

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _split(self, ids: Sequence[int]) -> Iterator[list[int]]:
        start = 0
        for end in [i for i, token in enumerate(ids) if token == self._place_id]:
            yield self._defused(ids[start:end])
            start = end + 1
        yield self._defused(ids[start:])

    def _defused(self, ids: Sequence[int]) -> list[int]:
        """Some vocabularies spell a mark as one word, too: it is taken apart."""
        if self._originals:
            ids = [self._originals.get(i, i) for i in ids]
        if self._marks.keys().isdisjoint(ids):
            return list(ids)
        return [token for i in ids for token in (self._letters(i) if i in self._marks else [i])]

    def _letters(self, mark: int) -> list[int]:
        letters = [token for letter in self._marks[mark].content for token in self._plain(letter)]
        return [self._originals.get(token, token) for token in letters]


def _without_marks(tokenizer: Tokenizer, words: Iterable[AddedToken]) -> Tokenizer:
    """A tokenizer on the same model, which is not copied, with `words` as its only added tokens."""
    plain = Tokenizer(tokenizer.model)
    if tokenizer.normalizer is not None:
        plain.normalizer = tokenizer.normalizer
    if tokenizer.pre_tokenizer is not None:
        plain.pre_tokenizer = tokenizer.pre_tokenizer
    plain.add_tokens(list(words))
    return plain


def _runs(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text before, between and behind the marks."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]
