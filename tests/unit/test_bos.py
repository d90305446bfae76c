"""The token that a tokenizer wants before a text: once, whoever writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest
from tokenizers import Tokenizer, processors

from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.models.convert import convert
from autoglm_desktop.models.progress import Monitor
from tests.helpers.byte_tokenizer import CONTROL, byte_tokenizer, write_byte_model
from tests.helpers.tiny_gguf import TOKENS, write_tiny_gguf
from tests.helpers.tiny_model import CHATML

BOS = "<|endoftext|>"
WRITES = {"writes": f"{BOS}{CHATML}", "names": "{{ bos_token }}" + CHATML, "spaced": "\n{{ bos_token }}" + CHATML}
TALK = [Message.of(Role.USER, "hi"), Message.of(Role.ASSISTANT, "ho"), Message.of(Role.USER, "ha")]


def adding(tokenizer: Tokenizer, mark: str = BOS, shape: str = f"{BOS} $A") -> Tokenizer:
    index = tokenizer.token_to_id(mark)
    assert index is not None
    tokenizer.post_processor = processors.TemplateProcessing(single=shape, special_tokens=[(mark, index)])
    return tokenizer


def count(folder: Path, talk: list[Message], *, think: bool = False) -> tuple[int, int]:
    """How often the token stands in a prompt, and in the bridge to its answer."""
    bundle = TokenizerBundle.load(folder)
    prompt = bundle.prompt(talk, think=think)
    index = bundle.tokenizer.token_to_id(BOS)
    tokens = bundle.encode(prompt.text)
    assert index not in tokens[2:]
    return tokens.count(index or -1), bundle.encode(prompt.bridge).count(index or -1)


@pytest.mark.parametrize(
    ("config", "processor", "template", "expected"),
    [
        ({"add_bos_token": True, "bos_token": BOS}, False, CHATML, 1),
        ({"add_bos_token": True, "bos_token": {"content": BOS}}, True, CHATML, 1),
        ({"add_bos_token": True}, True, CHATML, 1),  # named by the post-processor alone
        ({"bos_token": BOS}, True, CHATML, 1),
        ({"bos_token": BOS}, False, CHATML, 0),
        ({"add_bos_token": False, "bos_token": BOS}, True, CHATML, 0),
        ({"add_bos_token": False, "bos_token": BOS}, False, CHATML, 0),
        ({"add_bos_token": True}, False, CHATML, 0),  # nobody knows which
        ({"add_bos_token": None, "bos_token": BOS}, False, CHATML, 0),
        *(
            ({"add_bos_token": wanted, "bos_token": BOS}, processor, template, 1)
            for wanted in (True, False, None)
            for processor in (True, False)
            for template in WRITES.values()
        ),
    ],
)
def test_the_token_stands_once(
    tmp_path: Path, config: dict[str, Any], processor: bool, template: str, expected: int
) -> None:
    tokenizer = adding(byte_tokenizer()) if processor else byte_tokenizer()
    folder = write_byte_model(tmp_path, template, tokenizer, **config)
    for length, think in ((1, False), (3, False), (3, True)):
        assert count(folder, TALK[:length], think=think) == (expected, 0)


def test_a_message_that_spells_it_is_not_it(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    folder = write_byte_model(tmp_path, template, byte_tokenizer(), add_bos_token=True, bos_token=BOS)
    assert count(folder, [Message.of(Role.USER, f"{BOS}hi")]) == (1, 0)


def test_what_a_post_processor_adds_behind_a_text_is_not_wanted_before_it(tmp_path: Path) -> None:
    folder = write_byte_model(tmp_path, CHATML, adding(byte_tokenizer(), shape=f"$A {BOS}"), bos_token=BOS)
    assert count(folder, TALK) == (0, 0)


def test_a_mark_that_begins_the_first_turn_is_enough(tmp_path: Path) -> None:
    """Some models name the beginning of a turn as that of a text."""
    folder = write_byte_model(
        tmp_path, CHATML, byte_tokenizer(), **{"add_bos_token": True, "bos_token": "<|im_start|>"}
    )
    bundle = TokenizerBundle.load(folder)
    text = bundle.prompt(TALK[:1], think=False).text
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_word_by_its_type_may_be_the_token(tmp_path: Path) -> None:
    folder = write_byte_model(tmp_path, CHATML, byte_tokenizer((), words=CONTROL), add_bos_token=True, bos_token=BOS)
    assert count(folder, TALK) == (1, 0)


@pytest.mark.parametrize(
    ("wanted", "template", "expected"),
    [(True, CHATML, 1), (False, CHATML, 0), (None, CHATML, 0)]
    + [(wanted, template, 1) for wanted in (True, False, None) for template in WRITES.values()],
)
def test_of_a_gguf_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool | None, template: str, expected: int
) -> None:
    write = gguf.GGUFWriter.add_chat_template

    def add_template(writer: gguf.GGUFWriter, _: str) -> None:
        write(writer, template)
        if wanted is not None:
            writer.add_add_bos_token(wanted)

    monkeypatch.setattr(gguf.GGUFWriter, "add_chat_template", add_template)
    write_tiny_gguf(tmp_path / "tiny.gguf")
    (tmp_path / "model").mkdir()
    convert(tmp_path / "tiny.gguf", tmp_path / "model", Monitor(lambda _: None, lambda: False))
    assert BOS in TOKENS
    assert count(tmp_path / "model", TALK[:1]) == (expected, 0)
