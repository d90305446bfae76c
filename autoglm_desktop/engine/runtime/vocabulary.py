"""Which tokens of a vocabulary are marks, and which of them end a turn: by the template more than by their type.

The type of a token and the end token that a file names are often wrong. What the chat template writes around messages
is what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenizers import AddedToken, Tokenizer

from autoglm_desktop.core.thinking import THINK_CLOSE, THINK_OPEN
from autoglm_desktop.templates.fit import TemplateFit
from autoglm_desktop.templates.marks import is_inner, leading_mark, looks_like_mark, marks_in

_END_MARKS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "</s>")
"""Ends of a turn or text in the formats that models are trained on; many configurations name only one of theirs."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The marks of a tokenizer by their ids, and sets of those.

    `special_ids` stand for no text; `end_ids` are known to end an answer; `control_ids` end one as well when they
    come in its middle. `end_text` is what ends one where the template closes turns with several tokens.
    """

    marks: Mapping[int, AddedToken]
    special_ids: frozenset[int]
    end_ids: frozenset[int]
    control_ids: frozenset[int]
    end_text: str | None
    closed_by_template: bool

    @classmethod
    def read(cls, tokenizer: Tokenizer, fit: TemplateFit) -> Vocabulary:
        """Look through the added tokens of `tokenizer`, and add those that the template writes as marks."""
        closing = leading_mark(fit.closing)
        named = set(fit.template.special_tokens.values())
        written = {m for m in named if looks_like_mark(m)} | marks_in(fit.template.literals) | marks_in(fit.closing)
        _add_missing(tokenizer, written)
        marks = {i: token for i, token in tokenizer.get_added_tokens_decoder().items() if _is_mark(token, written)}
        outer = {mark for mark in written if not is_inner(mark) or mark == closing}
        special = {i for i, token in marks.items() if token.special or token.content in outer}
        ends = {i for i in special if marks[i].content in (*_END_MARKS, closing)}
        unknown = fit.template.special_tokens.get("unk_token")
        control = {i for i in special if marks[i].content != unknown and not is_inner(marks[i].content)} | ends
        return cls(
            marks,
            frozenset(special),
            frozenset(ends),
            frozenset(control),
            closing if closing and all(closing != token.content for token in marks.values()) else None,
            closing is not None,
        )

    @property
    def hidden_ids(self) -> frozenset[int]:
        """Never shown; the marks of thinking are told apart later, as text."""
        return frozenset(i for i in self.special_ids if self.marks[i].content not in (THINK_OPEN, THINK_CLOSE))

    def ends(self, named_ids: Iterable[int], tokenizer: Tokenizer) -> frozenset[int]:
        """All tokens that end an answer, given those that the model's configuration names.

        An ordinary word among those is not believed where the template shows how turns end, or a mark is named, too.
        """
        size = tokenizer.get_vocab_size()
        named = frozenset(i for i in named_ids if 0 <= i < size)
        marks = frozenset(i for i in named if _may_end(tokenizer.id_to_token(i)))
        believed = marks if marks or self.closed_by_template else named
        return self.control_ids | believed


def _may_end(token: str | None) -> bool:
    return token is not None and looks_like_mark(token) and not is_inner(token)


def _is_mark(token: AddedToken, written: set[str]) -> bool:
    """Tokens that were added for ordinary words, bytes or white space are none."""
    return len(token.content) > 1 and (token.special or looks_like_mark(token.content) or token.content in written)


def _add_missing(tokenizer: Tokenizer, written: Iterable[str]) -> None:
    """Marks of the template that are words of the vocabulary by their type, as in some converted files."""
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    missing = [m for m in sorted(written) if m not in added and tokenizer.token_to_id(m) is not None]
    tokenizer.add_tokens([AddedToken(mark, special=not is_inner(mark), normalized=False) for mark in missing])
