"""Real clients over a real socket: `openai` and LangChain, as their users write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine
from tests.helpers.services import ALIAS, OnSocket, creating, on_socket
from tests.unit.test_service_socket import LIMIT_S, wait_until

ANSWER = "我是 AutoGLM-Phone-9B。"
THOUGHT = "The user asks who I am."
MESSAGES: list[dict[str, str]] = [{"role": "user", "content": "你是谁?"}]


@contextmanager
def running(*replies: Reply, settings: Settings | None = None) -> Iterator[tuple[OnSocket, ScriptedEngine]]:
    engine = ScriptedEngine(replies or [Reply(ANSWER, reasoning=THOUGHT)])
    with on_socket(engine, settings) as service:
        yield service, engine


@pytest.fixture
def service() -> Iterator[OnSocket]:
    with running() as (started, _):
        yield started


@contextmanager
def openai_client(service: OnSocket) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=service.base_url, api_key="EMPTY", max_retries=0, timeout=LIMIT_S) as client:
        yield client


@contextmanager
def guides_client(service: OnSocket, *, streaming: bool = True, **more: Any) -> Iterator[ChatOpenAI]:
    """The client of the guide, but for the address (and a connection that the test closes)."""
    with httpx.Client() as connection:
        yield ChatOpenAI(
            model=ALIAS,
            temperature=0.5,
            base_url=service.base_url,
            api_key=SecretStr("EMPTY"),
            extra_body={"enable_thinking": True, "return_reasoning": True},
            streaming=streaming,
            http_client=connection,
            **more,
        )


def test_openai_completes(service: OnSocket) -> None:
    with openai_client(service) as client:
        answer = creating(client)(
            model=ALIAS,
            messages=MESSAGES,
            extra_body={"enable_thinking": True},
        )
        assert next(iter(client.models.list())).id == ALIAS
        assert client.models.retrieve(ALIAS).id == ALIAS
    message = answer.choices[0].message
    assert message.content == ANSWER
    assert message.reasoning_content == THOUGHT
    assert message.reasoning == THOUGHT
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0
    assert answer.usage.energy["label"]


def test_openai_streams(service: OnSocket) -> None:
    with openai_client(service) as client:
        chunks = list(
            creating(client)(
                model=ALIAS, messages=MESSAGES, stream=True, stream_options={"include_usage": True},
                extra_body={"enable_thinking": True},
            )
        )  # fmt: skip
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == ANSWER
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == THOUGHT
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0


def test_openais_stream_helper_takes_the_stream(service: OnSocket) -> None:
    with (
        openai_client(service) as client,
        client.chat.completions.stream(model=ALIAS, messages=MESSAGES) as stream,  # type: ignore[arg-type]
    ):
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content == ANSWER


def test_openai_responds_with_a_summary_of_the_reasoning(service: OnSocket) -> None:
    with openai_client(service) as client:
        answer = client.responses.create(
            model=ALIAS, input="你是谁?", instructions="Be brief.", reasoning={"effort": "low", "summary": "auto"}
        )
        assert answer.output_text == ANSWER
        assert [item.type for item in answer.output] == ["reasoning", "message"]
        thought: Any = answer.output[0]
        assert thought.summary[0].text == THOUGHT
        assert answer.usage is not None
        assert answer.usage.output_tokens_details.reasoning_tokens > 0
        again = client.responses.create(
            model=ALIAS,
            input=[{"role": "user", "content": "你是谁?"}, *answer.output, {"role": "user", "content": "Again."}],  # type: ignore[list-item]
        )
        assert again.output_text == ANSWER


def test_openai_streams_a_response(service: OnSocket) -> None:
    with (
        openai_client(service) as client,
        client.responses.stream(model=ALIAS, input="你是谁?", reasoning={"effort": "low"}) as stream,
    ):
        events = list(stream)
        final = stream.get_final_response()
    names = [event.type for event in events]
    assert names[:2] == ["response.created", "response.in_progress"]
    assert "response.reasoning_summary_text.delta" in names
    assert names[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text == ANSWER


def test_an_answer_cut_by_its_limit_is_incomplete() -> None:
    with running(Reply("a b c d e")) as (service, _), openai_client(service) as client:
        answer = client.responses.create(model=ALIAS, input="x", max_output_tokens=3)
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_openai_raises_its_own_errors(service: OnSocket) -> None:
    with openai_client(service) as client:
        with pytest.raises(openai.NotFoundError) as missing:
            creating(client)(model="gpt-9", messages=MESSAGES)
        assert missing.value.code == "model_not_found"
        with pytest.raises(openai.BadRequestError) as bad:
            creating(client)(model=ALIAS, messages=MESSAGES, max_tokens=-2)
        assert bad.value.param == "max_tokens"


def test_closing_a_stream_ends_the_turn() -> None:
    hold = Hold()
    with running(Reply("one two three", hold=hold, hold_after=2)) as (service, _), openai_client(service) as client:
        stream = creating(client)(model=ALIAS, messages=MESSAGES, stream=True)
        next(iter(stream))
        assert hold.reached.wait(LIMIT_S)
        stream.close()
        wait_until(lambda: service.assistant.completions.in_line == 0)


def test_the_guides_client_runs_unchanged(service: OnSocket) -> None:
    with guides_client(service) as llm:
        answer = llm.invoke("你是谁?")
        pieces = list(llm.stream("你是谁?"))
    assert answer.content == ANSWER
    assert "".join(str(piece.content) for piece in pieces) == ANSWER
    assert len(pieces) > 3


def test_the_guides_client_sees_reasoning_in_responses_or_in_the_content(service: OnSocket) -> None:
    with guides_client(service, use_responses_api=True) as llm:
        blocks = [block for block in llm.invoke("你是谁?").content_blocks if block["type"] == "reasoning"]
        assert "".join(str(block["reasoning"]) for block in blocks) == THOUGHT
        streamed = list(llm.stream("你是谁?"))
        assert "".join(piece.text for piece in streamed) == ANSWER
    with guides_client(service) as llm:
        raw = llm.bind(extra_body={"enable_thinking": True, "reasoning_format": "raw"}).invoke("你是谁?")
    assert raw.content == f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"


def test_langchain_gets_usage(service: OnSocket) -> None:
    with guides_client(service, stream_usage=True) as llm:
        answer = llm.invoke("你是谁?")
    usage = answer.usage_metadata
    assert usage is not None
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_token_details"]["reasoning"] > 0


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "secret"}], ids=["bearer", "x-api-key"])
def test_openai_sends_its_key(headers: dict[str, str]) -> None:
    key = "EMPTY" if headers else "secret"
    with on_socket(ScriptedEngine([Reply(ANSWER)]), api_key="secret") as service:
        with openai.OpenAI(base_url=service.base_url, api_key=key, default_headers=headers, max_retries=0) as client:
            assert creating(client)(model=ALIAS, messages=MESSAGES).choices[0].message.content == ANSWER
        stranger = openai.OpenAI(base_url=service.base_url, api_key="wrong", max_retries=0)
        with stranger, pytest.raises(openai.AuthenticationError) as refused:
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"


def test_what_curl_sends_by_default_is_answered(service: OnSocket) -> None:
    """``curl -d`` names the type of a form and asks before it sends a long body."""
    body = json.dumps({"model": ALIAS, "messages": [{"role": "user", "content": "Hi " * 1000}]})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*", "Expect": "100-continue"}
    answer = httpx.post(f"{service.base_url}/chat/completions", content=body, headers=headers, timeout=LIMIT_S)
    assert answer.json()["choices"][0]["message"]["content"] == ANSWER
