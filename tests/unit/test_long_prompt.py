"""One text far beyond the context is refused with figures, before it is tokenized whole, and can be stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tokenizers import Tokenizer

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from tests.helpers.byte_tokenizer import CONTROL, bundle_of, byte_tokenizer
from tests.helpers.scripted_decoder import ScriptedDecoder, asking, run
from tests.helpers.tiny_model import CHATML

CONTEXT = 10_000
WORD = "x" * 64


class Counting:
    """Stands for the tokenizer of an encoder and counts the characters that it is given."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.characters: list[int] = []

    def encode(self, text: str, **options: bool) -> object:
        self.characters.append(len(text))
        return self._tokenizer.encode(text, **options)

    def get_vocab(self) -> dict[str, int]:
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        return vocabulary


@pytest.fixture
def bundle() -> TokenizerBundle:
    """Its longest token has 64 characters."""
    return bundle_of(CHATML, byte_tokenizer(CONTROL, words=[WORD]))


@pytest.fixture
def counting(bundle: TokenizerBundle, monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting(bundle._encoder._tokenizer)
    monkeypatch.setattr(bundle._encoder, "_tokenizer", counting)
    return counting


def refused(bundle: TokenizerBundle, *texts: str, cancelled: Callable[[], bool] = lambda: False) -> ErrorReport:
    decoder = ScriptedDecoder(400, [1], context_tokens=CONTEXT)
    with pytest.raises(AppError) as caught:
        run(bundle, decoder, asking(*(Message.of(Role.USER, text) for text in texts)), cancelled)
    assert decoder.forwarded == []
    assert caught.value.report.code is ErrorCode.CONTEXT_FULL
    return caught.value.report


def test_what_no_tokens_could_hold_is_never_tokenized(bundle: TokenizerBundle, counting: Counting) -> None:
    report = refused(bundle, "a " * 15_000_000)
    assert counting.characters == []
    assert CONTEXT < int(report.cause.params["prompt_tokens"]) <= 30_000_000 // 64
    assert "more than" in str(report.cause)


def test_many_messages_count_together(bundle: TokenizerBundle, counting: Counting) -> None:
    refused(bundle, *["a " * 20_000] * 20)
    assert counting.characters == []


def test_counting_ends_when_the_context_is_full(bundle: TokenizerBundle, counting: Counting) -> None:
    text = "a " * 250_000
    report = refused(bundle, text)
    assert max(counting.characters) <= 16_384
    assert sum(counting.characters) <= 2 * CONTEXT
    assert CONTEXT < int(report.cause.params["prompt_tokens"]) <= len(text)
    assert abs(int(report.cause.params["about_tokens"]) - len(text)) < len(text) / 20


def test_counting_can_be_stopped(bundle: TokenizerBundle, counting: Counting) -> None:
    text = " ".join([WORD] * 9_000)
    decoder = ScriptedDecoder(400, [1], context_tokens=CONTEXT * 9)
    said = run(bundle, decoder, asking(Message.of(Role.USER, text)), lambda: len(counting.characters) > 2)
    assert (said.reason, len(counting.characters), decoder.forwarded) == (FinishReason.CANCELLED, 3, [])


@pytest.mark.parametrize("more", [0, 1, 20])
def test_a_little_too_long_is_counted_exactly(bundle: TokenizerBundle, more: int) -> None:
    frame = len(bundle.encode(bundle.prompt([Message.of(Role.USER, "")], think=False).text))
    report = refused(bundle, "a" * (CONTEXT - frame - 63 + more))
    assert report.cause.params["prompt_tokens"] == CONTEXT - 63 + more


def test_many_short_messages_are_not_taken_for_long_ones(bundle: TokenizerBundle) -> None:
    """Each mark is one token, though its name is long."""
    roles = (Role.USER, Role.ASSISTANT)
    talk = [Message.of(roles[n % 2], "") for n in range(799)]
    bundle = bundle_of(CHATML.replace("+ '\\n' + message", "+ message"), byte_tokenizer())
    decoder = ScriptedDecoder(400, [bundle.encode("<|im_end|>")[0]], context_tokens=CONTEXT)
    prompt = bundle.prompt(talk, think=False)
    assert len(prompt.text) > 2 * CONTEXT > len(bundle.encode(prompt.text))
    assert run(bundle, decoder, asking(*talk)).reason is FinishReason.STOP


def test_text_in_long_tokens_fits_though_it_has_many_characters() -> None:
    tokenizer = byte_tokenizer(CONTROL, words=[WORD])
    tokenizer.model.ignore_merges = True
    text = WORD * 1
    bundle = bundle_of("{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}", tokenizer)
    talk = [Message.of(Role.USER, text)] * 4_000
    decoder = ScriptedDecoder(400, [bundle.encode("<|im_end|>")[0]], context_tokens=CONTEXT)
    assert run(bundle, decoder, asking(*talk)).usage.prompt_tokens == 8_000
