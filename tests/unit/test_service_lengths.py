"""How long an answer may be: the rest of the context, unless the client or the governor bounds it."""

from __future__ import annotations

from typing import Any

import pytest

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.energy_services import Clock, service_at
from tests.helpers.services import ALIAS, in_process

LONG = 1500
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
CHAT_LIMITS = ("max_tokens", "max_completion_tokens")


def body_for(path: str, **fields: Any) -> dict[str, Any]:
    asked = {"input": "Hi"} if path == RESPONSES else {"messages": [{"role": "user", "content": "Hi"}]}
    return {"model": ALIAS, **asked, **fields}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, {}),
        (CHAT, {"max_tokens": -1}),
        (CHAT, {"max_completion_tokens": -1}),
        (CHAT, {"max_tokens": None, "max_completion_tokens": None}),
        (RESPONSES, {}),
        (RESPONSES, {"max_output_tokens": -1}),
    ],
)
@pytest.mark.parametrize("settings", [Settings(), Settings(max_tokens=77)], ids=["default", "bounded window"])
def test_without_a_limit_only_the_context_bounds_an_answer(
    path: str, fields: dict[str, Any], settings: Settings
) -> None:
    engine = ScriptedEngine([Reply("a " * LONG)])
    with in_process(engine, settings) as ask:
        answer = ask.post(path, json=body_for(path, **fields)).json()
    usage = answer["usage"]
    assert engine.requests[0].max_tokens is None
    assert usage.get("completion_tokens", usage.get("output_tokens")) >= LONG


def test_a_limit_of_the_answer_holds_beside_an_open_one_of_both() -> None:
    engine = ScriptedEngine([Reply("a " * LONG)])
    with in_process(engine) as ask:
        ask.chat(max_tokens=5, max_completion_tokens=-1)
    assert engine.requests[0].max_tokens == 5


@pytest.mark.parametrize(
    ("path", "name"), [(CHAT, "max_tokens"), (CHAT, "max_completion_tokens"), (RESPONSES, "max_output_tokens")]
)
@pytest.mark.parametrize("limit", [0, -2, -100])
def test_no_room_and_negative_room_are_refused_by_name(path: str, name: str, limit: int) -> None:
    with in_process(ScriptedEngine([Reply("Yes.")])) as ask:
        answer = ask.post(path, json=body_for(path, **{name: limit}))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == name
    assert "-1" in answer.json()["error"]["message"]


@pytest.mark.parametrize("fields", [{}, {"max_tokens": -1}, {"enable_thinking": True}])
def test_in_heat_the_governors_cap_bounds_it_and_says_so(fields: dict[str, Any]) -> None:
    settings = Settings(policy="guide")
    engine = ScriptedEngine([Reply("word " * 100, reasoning="thought " * 100)])
    with in_process(engine, settings, energy=service_at(Clock(), settings)) as ask:
        ask.assistant.energy.set_temperature(70.0)
        answer, again = (ask.chat(seed=1, **fields).json() for _ in range(2))
    asked = engine.requests[0]
    assert asked.max_tokens is not None
    assert asked.max_tokens + (asked.thinking_budget_tokens if asked.think else 0) == 64
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["energy"]["max_new_tokens"] == 64
    assert len(engine.requests) == 1, "the second came from the cache"
    assert again["usage"]["energy"]["from_cache"] is True


def test_thinking_keeps_its_own_bound() -> None:
    engine = ScriptedEngine([Reply("Yes.", reasoning="Hm.")])
    with in_process(engine) as ask:
        ask.chat(enable_thinking=True)
        ask.chat(enable_thinking=True, max_completion_tokens=100)
    open_, bounded = engine.requests
    assert (open_.max_tokens, open_.thinking_budget_tokens) == (None, 512)
    assert (bounded.max_tokens, bounded.thinking_budget_tokens) == (50, 50)
