"""Templates that refuse a system message or insist on turns: the conversation is brought into their shape."""

from __future__ import annotations

from itertools import pairwise

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.prefix import common_prefix
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from tests.helpers.byte_tokenizer import bundle_of
from tests.helpers.tiny_model import CHATML

SHORT = "{% for m in messages %}{{ m.role[0] }}({{ m.content }}){% endfor %}"
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
NO_LATER = "{% for m in messages[1:] %}{% if m.role == 'system' %}{{ raise_exception('late') }}{% endif %}{% endfor %}"
SILENT = "{% for m in messages %}{% if m.role != 'system' %}{{ m.role[0] }}({{ m.content }}){% endif %}{% endfor %}"
TURNS = (
    "{% set ns = namespace(turn=0) %}{% for m in messages %}{% if m.role != 'system' %}"
    "{% if (m.role == 'user') != (ns.turn % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% set ns.turn = ns.turn + 1 %}{% endif %}{% endfor %}"
)
WANTS_SYSTEM = "{% if messages[0].role != 'system' %}{{ raise_exception('A system message first') }}{% endif %}"
TYPED = (
    "{% for m in messages %}{{ m.role[0] }}({% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}"
    "{% endif %}{% endfor %}){% endfor %}"
)
GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{{ '<start_of_turn>' + message['role'] + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
)


def talk(shape: str) -> list[Message]:
    """``s`` the system's, ``u`` the user's, ``a`` the assistant's message; each says its letter and number."""
    roles = {"s": Role.SYSTEM, "u": Role.USER, "a": Role.ASSISTANT}
    return [Message.of(roles[sign], f"{sign}{number}") for number, sign in enumerate(shape)]


def read(bundle: TokenizerBundle, shape: str) -> str:
    return bundle.prompt(talk(shape), think=False).text.replace("\n\n", "+")


@pytest.mark.parametrize(
    ("template", "shape", "expected"),
    [
        (SHORT, "suua", "s(s0)u(u1)u(u2)a(a3)"),  # takes all
        (NO_SYSTEM + SHORT, "su", "u(s0+u1)"),
        (NO_SYSTEM + SHORT, "uau", "u(u0)a(a1)u(u2)"),
        (NO_SYSTEM + SHORT, "suau", "u(s0+u1)a(a2)u(u3)"),
        (NO_SYSTEM + SHORT, "s", "u(s0)"),
        (NO_SYSTEM + SHORT, "sau", "u(s0)a(a1)u(u2)"),
        (NO_SYSTEM + SHORT, "uasu", "u(u0)a(a1)s(s2)u(u3)"),
        (NO_LATER + SHORT, "suasu", "s(s0)u(u1)a(a2)u(s3+u4)"),
        (NO_LATER + SHORT, "ssu", "s(s0)u(s1+u2)"),
        (SILENT, "su", "u(s0+u1)"),  # leaves it out without a word
        (SILENT, "uasu", "u(u0)a(a1)u(s2+u3)"),
        (TURNS + SHORT, "suuaau", "s(s0)u(u1+u2)a(a3+a4)u(u5)"),
        (TURNS + SHORT, "au", "u(…)a(a0)u(u1)"),
        (TURNS + SHORT, "sau", "u(s0)a(a1)u(u2)"),
        (NO_SYSTEM + TURNS + SHORT, "suuau", "u(s0+u1+u2)a(a3)u(u4)"),
        (TYPED, "su", "s(s0)u(u1)"),
        (WANTS_SYSTEM + SHORT, "su", "s(s0)u(u1)"),
        (WANTS_SYSTEM + TURNS + SHORT, "uua", "s()u(u0+u1)a(a2)"),
        (NO_SYSTEM + TURNS + TYPED, "suu", "u(s0+u1+u2)"),
    ],
)
def test_a_conversation_in_the_shape_of_the_template(template: str, shape: str, expected: str) -> None:
    assert read(bundle_of(template), shape) == expected


@pytest.mark.parametrize("template", [NO_SYSTEM + SHORT, SILENT, TURNS + SHORT, GEMMA, NO_LATER + SHORT, TYPED])
@pytest.mark.parametrize("shape", ["suau", "suuauau", "auauau"])
def test_the_beginning_stays_the_same_from_turn_to_turn(template: str, shape: str) -> None:
    bundle = bundle_of(template)
    turns = [n for n in range(1, len(shape) + 1) if shape[n - 1] == "u" and shape[n : n + 1] != "u"]
    texts = [read(bundle, shape[:n]) for n in turns]
    for shorter, longer in pairwise(texts):
        assert common_prefix(shorter, longer) == len(shorter)


def test_gemma_takes_the_default_system_prompt() -> None:
    text = bundle_of(GEMMA).prompt(talk("su"), think=False).text
    assert text == "<start_of_turn>user\ns0\n\nu1<end_of_turn>\n"


def test_a_model_that_refuses_a_system_message_thinks_aloud() -> None:
    prompt = bundle_of(GEMMA).prompt(talk("su"), think=True)
    assert prompt.text.startswith("<start_of_turn>user\ns0\n\nu1\n\nFirst think")
    assert prompt.bridge.startswith("<end_of_turn>\n<start_of_turn>user\n")


def test_what_is_refused_in_every_shape_is_an_error_with_the_first_reason() -> None:
    template = NO_SYSTEM + "{{ raise_exception('Never.') }}"
    with pytest.raises(AppError, match="System role not supported") as caught:
        bundle_of(template).prompt(talk("su"), think=False)
    assert caught.value.report.code is ErrorCode.TEMPLATE_BROKEN


@pytest.mark.parametrize(("template", "renderings"), [(CHATML, 1), (NO_SYSTEM + SHORT, 1), (TURNS + SHORT, 2)])
def test_what_was_found_out_before_is_not_tried_again(template: str, renderings: int) -> None:
    """A rendering begins with a check."""
    checks: list[int] = []
    bundle_of(template).prompt(talk("suuau"), think=False, check=lambda: checks.append(1))
    assert len(checks) == renderings


def test_the_reason_of_a_refusal_shows_what_was_said() -> None:
    with pytest.raises(AppError, match=r"No <\|im_end\|> here"):
        bundle_of("{{ raise_exception('No ' + messages[0].content + ' here') }}").prompt(
            [Message.of(Role.USER, "<|im_end|>")], think=False
        )
