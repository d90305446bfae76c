"""Chat templates: what they may do, and what happens when they cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.messages import ImagePart, Message, Role, TextPart
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.templates.template import ChatTemplate
from tests.helpers.tiny_model import CHATML, THINKING_CHATML, write_tiny_model

TALK = (Message.of(Role.SYSTEM, "Be kind."), Message.of(Role.USER, "你好 <b>"))


def render(source: str, *, think: bool = False, tokens: dict[str, str] | None = None) -> str:
    return ChatTemplate(source, tokens or {}).render(TALK, think=think)


def code_of(source: str) -> ErrorCode:
    with pytest.raises(AppError) as caught:
        render(source)
    return caught.value.report.code


def test_blocks_are_trimmed_and_loops_can_break() -> None:
    source = (
        "{% for m in messages %}\n  {% if loop.index > 1 %}{% break %}{% endif %}\n{{ m.content }}\n{% endfor %}\nend"
    )
    assert render(source) == "Be kind.\nend"


def test_json_is_not_escaped_for_html() -> None:
    assert render("{{ messages[1] | tojson }}") == '{"role": "user", "content": "你好 <b>"}'
    assert render("{{ {'b': 1, 'a': [2]} | tojson(indent=1, sort_keys=true) }}") == json.dumps(
        {"a": [2], "b": 1}, indent=1
    )


def test_generation_blocks_and_special_tokens() -> None:
    assert render("{{ bos_token }}{% generation %}x{% endgeneration %}", tokens={"bos_token": "<s>"}) == "<s>x"
    assert render("[{{ eos_token }}]") == "[]"


def test_the_date_can_be_asked_for() -> None:
    assert len(render("{{ strftime_now('%Y-%m-%d') }}")) == 10


def test_reasoning_is_offered_under_both_names() -> None:
    answer = Message.of(Role.ASSISTANT, "4", reasoning="2+2")
    template = ChatTemplate("{{ messages[0].reasoning_content }}={{ messages[0].thinking }}", {})
    assert template.render([answer], think=False) == "2+2=2+2"


def test_an_image_that_was_not_put_into_words_is_refused_not_left_out() -> None:
    message = Message(Role.USER, (ImagePart("ab" * 32, "image/png", 4, 4, "cat.png"), TextPart("What is it?")))
    with pytest.raises(AppError, match=r"cat\.png") as caught:
        ChatTemplate("{{ messages[0].content }}", {}).render([message], think=False)
    assert caught.value.report.code is ErrorCode.BAD_INPUT


@pytest.mark.parametrize(
    "source",
    [
        "{% if %}",
        "{% for m in messages %}",
        "{{ raise_exception('no system role') }}",
        "{{ missing.attribute }}",
        "{{ messages[0].content + 1 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ range(10**9) | list }}",
        "{{ 1 / 0 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_a_broken_or_hostile_template_is_an_error(source: str) -> None:
    assert code_of(source) is ErrorCode.TEMPLATE_BROKEN


def test_the_reason_that_a_template_gives_is_told() -> None:
    with pytest.raises(AppError, match="Roles must alternate"):
        render("{{ raise_exception('Roles must alternate.') }}")


def test_the_switch_of_a_template_is_used() -> None:
    source = "{{ 'on' if enable_thinking else 'off' }}"
    assert render(source, think=True) == "on"
    assert render(source, think=False) == "off"


OPENS = "{{ '<think>\n' }}"


@pytest.mark.parametrize(
    ("template", "think", "ends"),
    [
        (CHATML, False, "<|im_start|>assistant\n"),
        (THINKING_CHATML, True, "<|im_start|>assistant\n<think>\n"),  # as it would begin by itself
        (THINKING_CHATML, False, "<|im_start|>assistant\n"),
        (CHATML + OPENS, True, "<|im_start|>assistant\n<think>\n"),  # always thinks
        (CHATML + OPENS, False, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ],
)
def test_where_the_answer_begins(tmp_path: Path, template: str, think: bool, ends: str) -> None:
    bundle = TokenizerBundle.load(write_tiny_model(tmp_path, template))
    prompt = bundle.prompt(TALK, think=think)
    assert prompt.text.endswith(ends)
    assert prompt.bridge == "\n</think>\n\n"


@pytest.mark.parametrize(
    ("question", "answer_cue"), [("你好", "直接回答我的问题。"), ("hi", "answer my question directly.")]
)
def test_a_model_without_thinking_gets_a_turn_for_it(tmp_path: Path, question: str, answer_cue: str) -> None:
    bundle = TokenizerBundle.load(write_tiny_model(tmp_path))
    talk = (*TALK[:1], Message.of(Role.USER, question))
    prompt = bundle.prompt(talk, think=True)
    assert prompt.text.startswith(
        bundle.prompt(talk, think=False).text.partition("<|im_end|>\n<|im_start|>assistant")[0]
    )
    assert prompt.text.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert prompt.bridge.startswith("<|im_end|>\n<|im_start|>user\n")
    assert prompt.bridge.endswith(f"{answer_cue}<|im_end|>\n<|im_start|>assistant\n")


def test_the_file_beside_the_configuration_wins(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "inside")
    (tmp_path / "chat_template.jinja").write_text("beside", encoding="utf-8")
    assert TokenizerBundle.load(tmp_path).prompt(TALK, think=False).text == "beside"


def test_named_templates_have_a_default(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    named = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}), encoding="utf-8")
    assert TokenizerBundle.load(tmp_path).prompt(TALK, think=False).text == "d"


def test_a_model_without_a_template_says_so(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(AppError) as caught:
        TokenizerBundle.load(tmp_path)
    assert caught.value.report.code is ErrorCode.TEMPLATE_BROKEN


@pytest.mark.parametrize("content", [None, b"", b"{]", b'{"version": "1.0"}'])
def test_an_unreadable_tokenizer_says_so(tmp_path: Path, content: bytes | None) -> None:
    path = write_tiny_model(tmp_path) / "tokenizer.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(AppError) as caught:
        TokenizerBundle.load(tmp_path)
    assert caught.value.report.code is ErrorCode.WEIGHTS_CORRUPT
