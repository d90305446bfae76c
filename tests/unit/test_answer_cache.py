"""Which requests are identical, whose answers are kept, and how many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoglm_desktop.assistant.answer_cache import AnswerCache, CachedAnswer
from autoglm_desktop.assistant.restraint import capped
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TextPart, TurnRequest
from autoglm_desktop.core.precision import Tier
from tests.helpers.manual_engine import usage


def _request(text: str = "q", *, max_tokens: int | None = 1024, think: bool = False, budget: int = 512) -> TurnRequest:
    messages = (Message.of(Role.SYSTEM, "s"), Message.of(Role.USER, text))
    return TurnRequest(
        "t", ModelRef("m", "/m"), messages, Tier.INT8, max_tokens=max_tokens, think=think,
        thinking_budget_tokens=budget,
    )  # fmt: skip


def _answer(text: str = "a", conversation_id: str = "c") -> Node:
    return Node(
        "n", conversation_id, None, Role.ASSISTANT, (TextPart(text),), 1.0, usage=usage(), finish=FinishReason.STOP
    )


def test_an_identical_request_is_found_whatever_its_tier_and_turn() -> None:
    cache = AnswerCache()
    cache.keep(_request(), _answer("hello"), private=False)
    again = replace(_request(), turn_id="other", tier=Tier.INT4)
    assert cache.find(again, "elsewhere") == CachedAnswer("hello", "", Tier.INT8, FinishReason.STOP)


@pytest.mark.parametrize(
    "other",
    [
        _request("q2"),
        replace(_request(), model=ModelRef("m2", "/m")),
        replace(_request(), sampling=Sampling(seed=1)),
        replace(_request(), sampling=Sampling(temperature=0.0)),
        replace(_request(), max_tokens=10),
        replace(_request(), think=True),
        replace(_request(), stop=("x",)),
        replace(_request(), messages=_request().messages[1:]),
    ],
)
def test_a_request_that_differs_is_not_found(other: TurnRequest) -> None:
    cache = AnswerCache()
    cache.keep(_request(), _answer(), private=False)
    assert cache.find(other, "c") is None


@pytest.mark.parametrize(
    "answer",
    [
        replace(_answer(), state=NodeState.INTERRUPTED),
        replace(_answer(), finish=None),
        replace(_answer(), usage=None),
        replace(_answer(), from_cache=True),
        _answer(""),
    ],
)
def test_what_is_not_a_whole_computed_answer_is_not_kept(answer: Node) -> None:
    cache = AnswerCache()
    cache.keep(_request(), answer, private=False)
    assert len(cache) == 0


def test_answers_go_with_their_conversation() -> None:
    cache = AnswerCache()
    cache.keep(_request("1"), _answer("a", "c1"), private=False)
    cache.keep(_request("2"), _answer("b", "c2"), private=False)
    cache.forget("c1")
    assert cache.find(_request("1"), "c1") is None
    assert cache.find(_request("2"), "c1") is not None
    cache.forget("c2")
    assert (len(cache), cache.characters) == (0, 0)


def test_a_temporary_conversation_keeps_its_answers_to_itself() -> None:
    cache = AnswerCache()
    cache.keep(_request(), _answer("secret", "private"), private=True)
    assert cache.find(_request(), "other") is None
    cache.keep(_request(), _answer("open", "kept"), private=False)
    found = [cache.find(_request(), name) for name in ("private", "other")]
    assert [answer.text for answer in found if answer] == ["secret", "open"]


def test_an_answer_larger_than_the_cache_is_not_kept() -> None:
    cache = AnswerCache(max_characters=100)
    cache.keep(_request(), _answer("x" * 99), private=False)
    assert len(cache) == 0


@pytest.mark.parametrize(
    ("asked", "cap", "granted"),
    [(1024, 64, 64), (10, 64, 10), (64, 64, 64), (1024, None, 1024), (None, 64, 64), (None, None, None)],
)
def test_a_cap_never_gives_more_than_was_asked(asked: int | None, cap: int | None, granted: int | None) -> None:
    assert capped(_request(max_tokens=asked), cap).max_tokens == granted


@pytest.mark.parametrize(("asked", "budget"), [(1024, 512), (1024, 20), (5, 512), (1, 16), (None, 512)])
def test_thinking_counts_as_new_tokens(asked: int | None, budget: int) -> None:
    granted = capped(_request(max_tokens=asked, think=True, budget=budget), 64)
    assert granted.max_tokens is not None
    assert granted.max_tokens + granted.thinking_budget_tokens <= 64
    assert 1 <= granted.max_tokens <= (asked or 64)
    assert 1 <= granted.thinking_budget_tokens <= budget
