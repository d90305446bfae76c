"""Where a turn ends: at the marks that the template closes turns with, whatever the file says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import gguf
import pytest
from tokenizers import AddedToken, Tokenizer

from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.models.convert import convert
from autoglm_desktop.models.progress import Monitor
from tests.helpers import tiny_gguf
from tests.helpers.byte_tokenizer import CONTROL, INNER, bundle_of, byte_tokenizer
from tests.helpers.scripted_decoder import Said, ScriptedDecoder, asking, run
from tests.helpers.tiny_model import CHATML

EOS_KEY = "tokenizer.ggml.eos_token_id"
RUN_ON = "\n<|im_start|>user\nAnd you?<|im_end|>\n"


def spelled(tokenizer: Tokenizer, text: str, marks: Sequence[str]) -> list[int]:
    """Tokens of a text; each of `marks` is one, by its id in the vocabulary."""
    for mark in marks:
        if mark in text:
            before, _, after = text.partition(mark)
            index = tokenizer.token_to_id(mark)
            assert index is not None
            return [*spelled(tokenizer, before, marks), index, *spelled(tokenizer, after, marks)]
    return list(tokenizer.encode(text).ids)


def say(bundle: TokenizerBundle, script: list[int], ends: Sequence[int] = (), **changes: object) -> Said:
    return run(bundle, ScriptedDecoder(bundle.tokenizer.get_vocab_size(), script, ends), asking(**changes))


def types(kind: str) -> Tokenizer:
    """ChatML's marks as control tokens, user-defined ones, words of the vocabulary, or not at all."""
    if kind == "normal":
        return byte_tokenizer((), words=CONTROL)
    return byte_tokenizer(() if kind == "none" else [AddedToken(m, special=kind == "control") for m in CONTROL])


@pytest.mark.parametrize("kind", ["control", "user_defined", "normal"])
@pytest.mark.parametrize("named", [(), (0,), (10_000,), (ord("!"), 0)])
def test_the_mark_of_the_template_ends_a_turn_whatever_its_type(kind: str, named: tuple[int, ...]) -> None:
    tokenizer = types(kind)
    script = spelled(tokenizer, f"Yes!<|im_end|>{RUN_ON}", CONTROL)
    bundle = bundle_of(CHATML, tokenizer)
    said = say(bundle, script, (*named, *tokenizer.encode("!").ids))
    assert (said.reason, said.text) == (FinishReason.STOP, "Yes!")
    assert said.usage.completion_tokens == len("Yes!") + 1


def test_the_template_is_encoded_with_marks_that_are_words_by_type() -> None:
    tokenizer = types("normal")
    bundle = bundle_of(CHATML, tokenizer)
    tokens = bundle.encode(bundle.prompt(asking().messages, think=False).text)
    assert tokens == spelled(tokenizer, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", CONTROL)


@pytest.mark.parametrize("before", ["", "Yes.", "Yes.\n"])
def test_a_mark_of_several_tokens_is_never_shown(before: str) -> None:
    tokenizer = types("none")
    script = spelled(tokenizer, f"{before}<|im_end|>{RUN_ON}", ())
    said = say(bundle_of(CHATML, tokenizer), script)
    assert (said.reason, said.text) == (FinishReason.STOP, before)


def test_what_only_begins_like_the_mark_is_shown() -> None:
    tokenizer = types("none")
    said = say(bundle_of(CHATML, tokenizer), spelled(tokenizer, "a <|im_ b", ()), max_tokens=9)
    assert (said.reason, said.text) == (FinishReason.LENGTH, "a <|im_ b")


def test_a_thought_that_ends_with_a_mark_of_several_tokens_leads_to_the_answer() -> None:
    tokenizer = types("none")
    script = spelled(tokenizer, "hm<|im_end|>Yes<|im_end|>", ())
    said = say(bundle_of(CHATML, tokenizer), script, think=True)
    assert (said.reason, said.reasoning, said.text) == (FinishReason.STOP, "hm", "Yes")


@pytest.mark.parametrize("mark", ["<|im_start|>", "<|endoftext|>", "<|renamed|>", "<pad>"])
def test_a_control_token_in_the_middle_ends_the_turn(mark: str) -> None:
    tokenizer = byte_tokenizer([*CONTROL, AddedToken("<|renamed|>", special=True), AddedToken("<pad>", special=True)])
    script = spelled(tokenizer, f"Yes.{mark}system\nuser\n", [*CONTROL, "<|renamed|>", "<pad>"])
    said = say(bundle_of(CHATML, tokenizer), script, (0,))
    assert (said.reason, said.text) == (FinishReason.STOP, "Yes.")


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("mark", [*INNER[2:], "[TOOL_CALLS]", "<|python_tag|>", "<answer>"])
def test_marks_within_an_answer_do_not_end_it(mark: str, special: bool) -> None:
    tokenizer = byte_tokenizer([*CONTROL, AddedToken(mark, special=special)])
    script = spelled(tokenizer, f"a{mark}b<|im_end|>", [*CONTROL, mark])
    said = say(bundle_of(CHATML, tokenizer), script, [script[1]])
    assert (said.reason, said.text) == (FinishReason.STOP, "ab" if special else f"a{mark}b")


def test_an_unknown_word_does_not_end_an_answer() -> None:
    tokenizer = byte_tokenizer([*CONTROL, AddedToken("<unk>", special=True)])
    script = spelled(tokenizer, "a<unk>b<|im_end|>", [*CONTROL, "<unk>"])
    assert say(bundle_of(CHATML, tokenizer, **{"unk_token": "<unk>"}), script).text == "ab"


def test_an_ordinary_end_is_believed_where_nothing_tells_better() -> None:
    tokenizer = byte_tokenizer(())
    script = spelled(tokenizer, "Yes.\nQ: ", ())
    said = say(bundle_of("Q: {{ messages[0].content }}\nA: ", tokenizer), script, [script[4]])
    assert (said.reason, said.text) == (FinishReason.STOP, "Yes.")


@pytest.mark.parametrize(
    ("template", "closing"),
    [
        ("{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}<|assistant|>\n", "<|user|>"),
        ("{% for m in messages %}{{ '[INST]' if m.role == 'user' }}{{ m.content }}"
         "{{ '[/INST]' if m.role == 'user' else ' ' + eos_token }}{% endfor %}", "</s>"),
        ("{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content | trim }}<end_of_turn>\n{% endfor %}",
         "<end_of_turn>"),
        ("{% for m in messages %}<answer>{{ m.content }}</answer>{% endfor %}", "</answer>"),
        ("{% for m in messages %}{{ m.content }}<｜end▁of▁sentence｜>{% endfor %}", "<｜end▁of▁sentence｜>"),
        ("{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}"
         + CHATML.replace("im_end", "done"), "<|done|>"),
    ],
)  # fmt: skip
def test_closing_marks_of_other_formats(template: str, closing: str) -> None:
    tokenizer = byte_tokenizer([closing])
    bundle = bundle_of(template, tokenizer, **{"eos_token": "</s>"})
    assert tokenizer.token_to_id(closing) in bundle.end_ids


def test_brackets_in_a_template_are_no_marks() -> None:
    """Only what it writes counts, and only where the vocabulary has it as one token."""
    tokenizer = byte_tokenizer(CONTROL, words=["[0]", "[INST]"])
    bundle = bundle_of(CHATML.replace("{% for", "{% set first = messages[0] %}{% for", 1), tokenizer)
    assert say(bundle, spelled(tokenizer, "a[0]b<|im_end|>", [*CONTROL, "[0]"])).text == "a[0]b"


def test_a_named_end_beyond_the_vocabulary_is_harmless() -> None:
    tokenizer = byte_tokenizer(CONTROL)
    script = spelled(tokenizer, "<|im_end|>", CONTROL)
    said = say(bundle_of(CHATML, tokenizer), [*script, *tokenizer.encode("a").ids, *script], (1 << 40, -1), think=True)
    assert said.text == "a"


def test_an_ordinary_word_that_is_named_as_an_end_stays_text() -> None:
    """Named by the tokenizer's configuration, and added to its vocabulary."""
    tokenizer = byte_tokenizer([*CONTROL, AddedToken("\n\n")])
    bundle = bundle_of(CHATML, tokenizer, **{"eos_token": "\n\n"})
    script = spelled(tokenizer, "a\n\nb<|im_end|>", [*CONTROL, "\n\n"])
    assert say(bundle, script, [script[1]]).text == "a\n\nb"


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5])  # of GGUF: normal, unknown, control, user-defined, unused
def test_of_a_gguf_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    """Whose end token is named as an ordinary word, too."""
    end = tiny_gguf.TOKENS.index("<|im_end|>")
    types = [kind if token.startswith("<|im_") else 1 for token in tiny_gguf.TOKENS]
    monkeypatch.setattr(tiny_gguf, "TYPES", types)
    monkeypatch.setattr(gguf.GGUFWriter, "add_eos_token_id", lambda writer, _: writer.add_uint32(EOS_KEY, 0))
    tiny_gguf.write_tiny_gguf(tmp_path / "m.gguf")
    convert(tmp_path / "m.gguf", tmp_path, Monitor(lambda _: None, lambda: False))
    bundle = TokenizerBundle.load(tmp_path)
    named = json.loads((tmp_path / "generation_config.json").read_text(encoding="utf-8"))["eos_token_id"]
    assert 0 in named
    assert end in bundle.ends(named)
    assert 0 not in bundle.ends(named)
    tokens = bundle.encode(bundle.prompt([Message.of(Role.USER, "he<|im_end|>")], think=False).text)
    assert (tokens.count(end), tokens[-2]) == (1, end)
