"""Answers that were sampled in unusual tokens are read again in the same ones."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.templates.template import ChatTemplate
from tests.helpers.byte_tokenizer import bundle_of, byte_tokenizer
from tests.helpers.tiny_model import CHATML


@pytest.fixture
def bundle() -> TokenizerBundle:
    """A tokenizer that writes ``ab`` as one token, though two would do."""
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "ab": 2, "Ċ": 3}, merges=[("a", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<s>", special=True), AddedToken("<e>", special=True)])
    return TokenizerBundle(tokenizer, ChatTemplate(CHATML, {}))


def letters(bundle: TokenizerBundle, text: str) -> list[int]:
    """A token for each letter."""
    return [bundle.encode(letter)[0] for letter in text]


def test_an_unusual_answer_keeps_its_tokens(bundle: TokenizerBundle) -> None:
    usual = bundle.encode("<s>ab<e><s>b\nab<e>")
    sampled = letters(bundle, "b\nab")
    bundle.remember([*bundle.encode("<s>ab<e><s>"), *sampled])
    again = bundle.encode("<s>ab<e><s>b\nab<e>")
    assert again != usual
    assert again == [*bundle.encode("<s>ab<e><s>"), *sampled, *bundle.encode("<e>")]
    assert bundle.decode(again) == bundle.decode(usual)
    assert bundle.encode("<s>b\nabb<e>")[1:] == bundle.encode("b\nabb<e>")  # another text


def test_what_is_forgotten_is_encoded_as_usual(bundle: TokenizerBundle) -> None:
    usual = bundle.encode("<s>ab<e>")
    bundle.remember([*bundle.encode("<s>"), *letters(bundle, "ab")])
    assert bundle.encode("<s>ab<e>") != usual
    bundle.forget()
    assert bundle.encode("<s>ab<e>") == usual


def test_usual_answers_need_no_memory(bundle: TokenizerBundle) -> None:
    text = "<s>ab\n<e>"
    usual = bundle.encode(text)
    bundle.remember(usual[:-1])
    assert bundle.encode(text) == usual


def test_memory_is_bounded(bundle: TokenizerBundle) -> None:
    for n in range(600):
        bundle.remember([*bundle.encode("<s>"), *letters(bundle, "b" * n + "ab")])
    assert bundle.encode("<s>ab") == bundle.encode("<s>") + bundle.encode("ab")  # the first is gone
    assert bundle.encode("<s>" + "b" * 599 + "ab")[-2:] == letters(bundle, "ab")


def test_a_model_without_marks_is_left_alone() -> None:
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    bundle = TokenizerBundle(tokenizer, ChatTemplate("", {}))
    bundle.remember([0, 1])
    assert bundle.encode("ab") == [2]


def test_marks_within_an_answer_are_read_again_as_they_were_said() -> None:
    """So the next turn finds its KV cache; another role's text of the same words is plain."""
    bundle = bundle_of(CHATML)
    ask = Message.of(Role.USER, "hi")
    prompt = bundle.encode(bundle.prompt([ask], think=False).text)
    said = bundle.encode("<tool_call>{}</tool_call>")
    assert len(said) == 4
    bundle.remember([*prompt, *said])
    talk = [
        ask,
        Message.of(Role.ASSISTANT, "<tool_call>{}</tool_call>"),
        Message.of(Role.USER, "<tool_call>{}</tool_call>"),
    ]
    again = bundle.encode(bundle.prompt(talk, think=False).text)
    assert again[: len(prompt) + len(said)] == [*prompt, *said]
    assert (again.count(said[0]), again.count(said[-1])) == (1, 1)


def test_the_same_text_behind_another_mark_is_not_spelled_alike() -> None:
    turns = "{% for m in messages %}{{ '<|' ~ m.role ~ '|>' ~ m.content }}{% endfor %}<|assistant|>"
    marks = [AddedToken(f"<|{role}|>", special=True) for role in Role]
    bundle = bundle_of(turns, byte_tokenizer([*marks, "<tool_call>"]))
    ask = Message.of(Role.USER, "hi")
    said = bundle.encode("<tool_call>x")
    bundle.remember([*bundle.encode(bundle.prompt([ask], think=False).text), *said])
    talk = [Message.of(Role.USER, "<tool_call>x"), Message.of(Role.ASSISTANT, "<tool_call>x")]
    assert bundle.encode(bundle.prompt(talk, think=False).text).count(said[0]) == 1
