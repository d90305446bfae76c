"""Whatever messages say, the marks of a prompt are those of the template, and the text is read back as it was."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers, pre_tokenizers

from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.templates.marks import Marks, Rendered
from tests.helpers.byte_tokenizer import CONTROL, INNER, bundle_of, byte_tokenizer
from tests.helpers.tiny_model import CHATML

JOINED = "{% for m in messages %}{{ m.content }}{% endfor %}<|im_end|>"
TIGHT = "{% for m in messages %}<{{ m.content }}|im_end|>{% endfor %}"
CLASHING = ["ab", "bc", "abc", "cab", "<<", "<|a", "a|>"]
"""Marks that overlap."""
TOKENIZERS = (
    byte_tokenizer(),
    byte_tokenizer([AddedToken(mark, special=False, normalized=True) for mark in (*CONTROL, *INNER)]),
    byte_tokenizer([*CONTROL, *(AddedToken(mark, special=True) for mark in CLASHING)]),
    byte_tokenizer(pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False)),
)
BUNDLES = [bundle_of(template, tokenizer) for tokenizer, template in product(TOKENIZERS, (CHATML, JOINED, TIGHT))]
SIGNS = st.sampled_from(list("abc<|>/_ \nim你😀\ufdd0\ufdd1\ufdd2\ufdd3é"))
TEXT = st.lists(st.sampled_from([*CONTROL, *INNER, "<|im_", "end|>", "im_end", "<"]) | SIGNS, max_size=8).map("".join)
TALK = st.lists(st.tuples(st.sampled_from(Role), TEXT), min_size=1, max_size=4)


def prompt(bundle: TokenizerBundle, talk: list[tuple[Role, str]]) -> tuple[Rendered, list[int]]:
    text = bundle.prompt([Message.of(role, said) for role, said in talk], think=False).text
    assert isinstance(text, Rendered)
    return text, bundle.encode(text)


def marks(bundle: TokenizerBundle, tokens: list[int]) -> list[int]:
    return [token for token in tokens if token in bundle.tokenizer.get_added_tokens_decoder()]


@pytest.mark.parametrize("bundle", BUNDLES, ids=range(len(BUNDLES)))
@settings(max_examples=60, deadline=None)
@given(talk=TALK)
def test_marks_are_those_of_harmless_text(bundle: TokenizerBundle, talk: list[tuple[Role, str]]) -> None:
    text, tokens = prompt(bundle, talk)
    _, harmless = prompt(bundle, [(role, said and "你") for role, said in talk])
    assert marks(bundle, tokens) == marks(bundle, harmless)
    assert text == bundle._fit.template.render([Message.of(role, said) for role, said in talk], think=False)
    assert bundle.tokenizer.decode(tokens, skip_special_tokens=False) == text


@settings(max_examples=60, deadline=None)
@given(talk=TALK, steps=st.sampled_from([normalizers.NFKC(), normalizers.Lowercase(), normalizers.StripAccents()]))
def test_normalization_makes_no_marks(talk: list[tuple[Role, str]], steps: normalizers.Normalizer) -> None:
    added = [AddedToken(mark, special=False, normalized=True, lstrip=True) for mark in (*CONTROL, *INNER)]
    bundle = bundle_of(CHATML, byte_tokenizer(added, normalizer=steps))
    wide = [(role, said.replace("<", "＜").replace(">", "＞").upper()) for role, said in talk]
    _, harmless = prompt(bundle, [(role, "x") for role, _ in talk])
    assert marks(bundle, prompt(bundle, wide)[1]) == marks(bundle, harmless)


@given(texts=st.lists(TEXT, max_size=5), spellings=st.lists(st.text("ab<|>", min_size=2, max_size=4), max_size=5))
def test_guarded_texts_hold_no_mark_however_they_are_joined(texts: list[str], spellings: list[str]) -> None:
    known = Marks(spellings)
    guarded = "".join(map(known.guard, texts))
    assert known.find(guarded) == []
    assert known.rendered(guarded) == "".join(texts)


@given(text=st.text("ab<|> \n", max_size=12), spellings=st.lists(st.text("ab<|>", min_size=2, max_size=4), max_size=5))
def test_a_guarded_text_is_trimmed_as_it_would_be(text: str, spellings: list[str]) -> None:
    known = Marks(spellings)
    guarded = known.guard(text)
    assert known.rendered(guarded.strip()) == text.strip()
    assert known.rendered(guarded.lstrip()) == text.lstrip()
    assert known.rendered(guarded.rstrip()) == text.rstrip()
    assert bool(guarded) == bool(text)
