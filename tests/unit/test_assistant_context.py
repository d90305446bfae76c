"""What a request says, and what is left out when the context is full."""

from __future__ import annotations

import pytest

from autoglm_desktop.assistant.context import (
    Figures,
    estimate_tokens,
    figures_of,
    messages_for,
    without_oldest,
)
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, Role
from tests.helpers.trees import chain


def _talk(turns: int, *, system: bool = True) -> tuple[Message, ...]:
    said = [
        message
        for number in range(turns)
        for message in (
            Message.of(Role.USER, f"question {number} " + "q" * 200),
            Message.of(Role.ASSISTANT, f"answer {number} " + "a" * 200),
        )
    ]
    head = [Message.of(Role.SYSTEM, "system")] if system else []
    return (*head, *said, Message.of(Role.USER, "last"))


def test_blank_answers_and_a_blank_system_prompt_say_nothing() -> None:
    _, nodes = chain(["q1", " \n", "q2", "a2"])
    assert [(m.role, m.text) for m in messages_for("  ", nodes)] == [
        (Role.USER, "q1\n\nq2"),
        (Role.ASSISTANT, "a2"),
    ]


@pytest.mark.parametrize("system", [True, False])
def test_as_much_is_left_out_as_it_takes(system: bool) -> None:
    messages = _talk(20, system=system)
    total = sum(map(estimate_tokens, messages))
    kept = without_oldest(messages, Figures(prompt_tokens=2 * total, room_tokens=200, context_tokens=total + 200))
    assert kept is not None
    assert total / 4 < sum(map(estimate_tokens, kept)) <= total / 2
    assert kept[-1] == messages[-1]
    assert (kept[0].role is Role.SYSTEM) == system
    conversation = kept[1:] if system else kept
    assert conversation == messages[-len(conversation) :]
    assert conversation[0].role is Role.USER


def test_at_least_one_turn_goes_even_if_the_figures_say_it_fits() -> None:
    messages = _talk(3)
    kept = without_oldest(messages, Figures(100, 0, 1000))
    assert kept == (messages[0], *messages[3:])


def test_without_figures_about_half_goes() -> None:
    messages = _talk(20)
    kept = without_oldest(messages, None)
    assert kept is not None
    assert 18 <= len(kept) <= 23


def test_when_nothing_helps_the_last_prompt_is_left_and_then_it_is_over() -> None:
    messages = _talk(4)
    kept = without_oldest(messages, Figures(100_000, 2000, 2048))
    assert kept == (messages[0], messages[-1])
    assert without_oldest(kept, Figures(100_000, 2000, 2048)) is None
    assert without_oldest(messages[-1:], None) is None


def test_the_estimate_is_above_what_tokenizers_need() -> None:
    assert estimate_tokens(Message.of(Role.USER, "你好世界")) >= 4
    assert estimate_tokens(Message.of(Role.USER, "hello world, this is a sentence")) >= 31 / 3.5
    assert estimate_tokens(Message.of(Role.ASSISTANT, "a", reasoning="r" * 300)) > 100


def test_figures_are_read_from_the_refusal_where_it_has_them() -> None:
    def error(**params: int | str) -> ErrorReport:
        return ErrorReport(ErrorCode.CONTEXT_FULL, msg("Full.", **params), msg("Shorten."))

    assert figures_of(error(prompt_tokens=5, room_tokens=2, context_tokens=6)) == Figures(5, 2, 6)
    assert figures_of(error(prompt_tokens=5, context_tokens=6)) == Figures(5, 0, 6)
    assert figures_of(error(prompt_tokens="5", context_tokens=6)) is None
    assert figures_of(error()) is None
    assert figures_of(error(prompt_tokens=7, about_tokens=50, context_tokens=6)) == Figures(50, 0, 6)  # not counted out
