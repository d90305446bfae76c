"""A template that does not come to an end is stopped by its work, or by the user; both name the template."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.engine.runtime.contracts import Stopped
from autoglm_desktop.templates.template import ChatTemplate, Rendering
from tests.helpers.byte_tokenizer import bundle_of
from tests.helpers.scripted_decoder import ScriptedDecoder, run
from tests.helpers.tiny_model import CHATML

TALK = [Message.of(Role.USER, "hi")]
ROUNDS = "{% for a in range(99999) %}{% for b in range(99999) %}"
ENDLESS = {
    "writes": ROUNDS + "x{% endfor %}{% endfor %}",
    "writes nothing": ROUNDS + "{% endfor %}{% endfor %}",
    "sets": ROUNDS + "{% set c = a %}{% endfor %}{% endfor %}",
    "filters": ROUNDS + "{% if b is odd %}{% endif %}{% endfor %}{% endfor %}",
    "skips": "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}{% endfor %}{% endfor %}",
    "calls": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "recursive": "{% for a in [[1] * 9] * 9 recursive %}{{ loop([a] * 9) if loop.depth < 60 }}{% endfor %}",
}
LARGE = {
    "repeats": "{{ 'x' * 10 ** 12 }}",
    "repeats a list": "{{ ([1] * 10 ** 12) | length }}",
    "powers": "{{ 9 ** (9 ** 12) }}",
    "squares": "{% set n = namespace(t=7) %}{% for i in range(60) %}{% set n.t = n.t * n.t %}{% endfor %}",
    "doubles": "{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
    "adds": "{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}",
    "centers": "{{ 'x' | center(10 ** 10) }}",
    "fills": "{{ 'x'.ljust(10 ** 10) }}",
    "formats": "{{ '{:9999999999}'.format(1) }}",
    "formats by percent": "{{ '%9999999999d' % 1 }}",
    "replaces": "{% set n = namespace(t='xx') %}{% for i in range(60) %}{% set n.t = n.t.replace('x', 'xxx') %}"
    "{% endfor %}",
}


def stop_at(call: int) -> tuple[Callable[[], None], list[int]]:
    """A check that ends the work when it is called the n-th time."""
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) >= call:
            raise Stopped

    return check, calls


@pytest.mark.parametrize("source", [*ENDLESS.values(), *LARGE.values()], ids=[*ENDLESS, *LARGE])
def test_endless_work_ends_with_an_error_of_the_template(source: str) -> None:
    with pytest.raises(AppError, match="chat template does not come to an end") as caught:
        ChatTemplate(source, {}).render_as(TALK, Rendering(most_steps=50_000))
    assert caught.value.report.code is ErrorCode.TEMPLATE_BROKEN


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_endless_work_is_stopped_at_once(source: str) -> None:
    check, calls = stop_at(3)
    with pytest.raises(Stopped):
        ChatTemplate(source, {}).render_as(TALK, Rendering(check=check))
    assert len(calls) == 3


def test_a_turn_with_an_endless_template_is_stopped() -> None:
    asked: list[int] = []
    bundle = bundle_of(ENDLESS["writes nothing"])

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    said = run(bundle, ScriptedDecoder(300, [1]), cancelled=cancelled)
    assert (said.reason, said.usage.completion_tokens, len(asked)) == (FinishReason.CANCELLED, 0, 6)


def test_a_turn_that_was_cancelled_before_it_began_renders_nothing() -> None:
    said = run(bundle_of(CHATML), ScriptedDecoder(300, [1]), cancelled=lambda: True)
    assert (said.reason, said.usage.prompt_tokens) == (FinishReason.CANCELLED, 0)


def test_a_long_conversation_is_no_endless_work() -> None:
    talk = [Message.of(role, "x" * 100) for role in (Role.USER, Role.ASSISTANT)] * 5_000
    assert len(ChatTemplate(CHATML, {}).render(talk, think=False)) > 1_000_000


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{% for a in 'abc' %}{{ a ~ loop.index ~ loop.length ~ loop.last }} {% endfor %}",
            "a13False b23False c33True ",
        ),
        ("{% for a in range(9) | select('odd') %}{{ a }}{{ ',' if not loop.last }}{% endfor %}", "1,3,5,7"),
        ("{% for k, v in {'a': 1}.items() %}{{ k ~ v ~ missing }}{% endfor %}", "a1"),
        ("{% for a in missing %}{{ a }}{% else %}none{% endfor %}", "none"),
        ("{% for a in [1, [2]] recursive %}{{ loop(a) if a is iterable else a }}{% endfor %}", "12"),
        ("{{ messages[0].content + '!' * 3 }}{{ '%s-%d' % ('a', 2) }}{{ 2 ** 3 }}", "hi!!!a-28"),
        ("{% for a in [3, 1] %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('x', 'y') }}{% endfor %}", "1x3y"),
    ],
)
def test_counting_changes_no_text(source: str, expected: str) -> None:
    assert ChatTemplate(source, {}).render(TALK, think=False) == expected


@pytest.mark.parametrize("source", ["{% for a in 5 %}{% endfor %}", "{{ 1 + 'a' }}", "{{ [1] * 'a' }}"])
def test_an_error_in_counted_work_is_a_broken_template(source: str) -> None:
    with pytest.raises(AppError) as caught:
        ChatTemplate(source, {}).render(TALK, think=False)
    assert caught.value.report.code is ErrorCode.TEMPLATE_BROKEN
