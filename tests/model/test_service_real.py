"""The service with real weights: streams, thinking, cancellation, and what is reused between stateless turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.server.host import ServiceHost
from autoglm_desktop.store.store import Store
from tests.helpers.real_models import SMOLLM
from tests.helpers.services import ALIAS, creating
from tests.unit.test_service_socket import wait_until

pytestmark = pytest.mark.model

LIMIT_S = 120.0
GUIDE = 0.52
FACTS = "The sea is deep and salty, ships cross it, storms rise over it, and its tides follow the moon. " * 15


@contextmanager
def real_service(shared_data_dir: Path, log: Path, model_id: str = SMOLLM) -> Iterator[tuple[Assistant, openai.OpenAI]]:
    settings = Settings(model_id=model_id, tier=TierChoice.INT8, service_port=0, temperature=0.0)
    engine = EngineClient(EngineOptions(0, 1 << 30, 0, log))
    assistant = Assistant(engine, Store(None), ModelLibrary(shared_data_dir), settings)
    host = ServiceHost(assistant)
    host.start()
    try:
        address = host.wait_running().address
        with openai.OpenAI(base_url=f"{address}/v1", api_key="EMPTY", max_retries=0, timeout=LIMIT_S) as client:
            yield assistant, client
    finally:
        host.stop()
        assistant.close()


@pytest.fixture(scope="module")
def service(
    shared_data_dir: Path, tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]
) -> Iterator[tuple[Assistant, openai.OpenAI]]:
    """Loaded, and with every thread that it will have, so that tests see which ones they leave."""
    model_folder(SMOLLM)
    with real_service(shared_data_dir, tmp_path_factory.mktemp("service") / "engine.log") as running:
        warm_up(running[1])
        yield running


def warm_up(client: openai.OpenAI) -> None:
    creating(client)(model=ALIAS, messages=[{"role": "user", "content": "Hi."}], max_tokens=1)
    url = f"{str(client.base_url).rstrip('/')}/energy"
    with ThreadPoolExecutor(32) as pool, httpx.Client(timeout=LIMIT_S) as http:
        assert all(job.result().status_code == 200 for job in [pool.submit(http.get, url) for _ in range(200)])


def test_stream_and_whole_agree_and_the_second_is_read_from_the_cache(
    service: tuple[Assistant, openai.OpenAI],
) -> None:
    assistant, client = service
    messages: list[dict[str, str]] = [{"role": "user", "content": "Name three colours."}]
    assistant.forget_sessions()
    whole = creating(client)(model=ALIAS, messages=messages, temperature=0, max_tokens=32)
    assistant.forget_sessions()
    chunks = list(
        creating(client)(
            model=ALIAS,
            messages=messages,
            temperature=0,
            max_tokens=32,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    streamed = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert streamed == whole.choices[0].message.content
    assert streamed.strip()
    usage = chunks[-1].usage
    again = creating(client)(model=ALIAS, messages=messages, max_tokens=1)
    assert again.usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens - 1
    assert whole.usage.prompt_tokens_details.cached_tokens == 0
    assert usage.energy["tier"] == "int8"
    assert len(chunks) > 5, "it came in pieces"


def test_three_turns_without_a_session_read_only_what_is_new(service: tuple[Assistant, openai.OpenAI]) -> None:
    """The guide's figure, in tokens: later turns compute at least 52 % less than if each read everything."""
    _, client = service
    messages: list[dict[str, str]] = []
    before, computed, whole = 0, 0, 0
    for question in (f"{FACTS} Tell me about the sea.", "And the mountains?", "Which is older?"):
        messages.append({"role": "user", "content": question})
        usage = said(client, messages)
        cached = usage.prompt_tokens_details.cached_tokens
        assert cached >= before
        if before:
            assert usage.prompt_tokens - cached < 40, "the question and the marks around it"
            computed, whole = computed + usage.total_tokens - cached, whole + usage.total_tokens
        before = usage.total_tokens - 1  # the last token of an answer is sampled, not computed
    assert computed <= (1 - GUIDE) * whole


def test_conversations_that_take_turns_keep_what_was_read(service: tuple[Assistant, openai.OpenAI]) -> None:
    """Both begin with the same system prompt, which is longer than what follows."""
    assistant, client = service
    assistant.forget_sessions()
    conversations: dict[str, list[dict[str, str]]] = {"rivers": [], "trains": []}
    before = dict.fromkeys(conversations, 0)
    for question in ("Tell me about {}.", "Name two of the {}.", "Thank you for the {}."):
        for subject, messages in conversations.items():
            messages.append({"role": "user", "content": question.format(subject)})
            usage = said(client, messages)
            assert usage.prompt_tokens_details.cached_tokens >= before[subject]
            before[subject] = usage.total_tokens - 1


def said(client: openai.OpenAI, messages: list[dict[str, str]]) -> Any:
    """The usage of an answer, which joins the messages."""
    answer = creating(client)(model=ALIAS, messages=messages, max_tokens=24)
    messages.append({"role": "assistant", "content": answer.choices[0].message.content})
    return answer.usage


def test_thinking_comes_apart_from_the_answer(service: tuple[Assistant, openai.OpenAI]) -> None:
    _, client = service
    answer = creating(client)(
        model=ALIAS,
        messages=[{"role": "user", "content": "What is 2 + 2?"}],
        max_tokens=32,
        extra_body={"thinking": {"type": "enabled", "budget_tokens": 16}},
    )
    message = answer.choices[0].message
    assert message.content
    assert message.reasoning_content
    # The quickest model may say in its answer again what it thought, so only the marks tell them apart.
    assert "<think>" not in message.content + message.reasoning_content
    assert "</think>" not in message.content + message.reasoning_content
    assert 1 <= answer.usage.completion_tokens_details.reasoning_tokens <= 17


@pytest.mark.parametrize("limit", [1, 2, 12])
def test_the_newer_limits_bound_reasoning_and_answer_together(
    service: tuple[Assistant, openai.OpenAI], limit: int
) -> None:
    _, client = service
    answer = creating(client)(
        model=ALIAS,
        messages=[{"role": "user", "content": "What is the sum of 17 and 25? Explain at length."}],
        max_completion_tokens=limit,
        extra_body={"enable_thinking": True},
    )
    assert 1 <= answer.usage.completion_tokens <= limit
    thought = answer.usage.completion_tokens_details.reasoning_tokens
    assert thought <= limit // 2
    response = client.responses.create(
        model=ALIAS, input="Tell me about the sea.", reasoning={"effort": "high"}, max_output_tokens=limit
    )
    assert response.usage is not None
    assert 1 <= response.usage.output_tokens <= limit
    assert response.status == "incomplete"


def test_a_closed_stream_stops_the_model(service: tuple[Assistant, openai.OpenAI]) -> None:
    assistant, client = service
    decoded, before = threading.Event(), len(assistant.ledger.turns())
    stream = creating(client)(
        model=ALIAS, messages=[{"role": "user", "content": "Count to a thousand."}], stream=True, max_tokens=2000
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            decoded.set()
            break
    assert decoded.is_set()
    stream.close()
    wait_until(lambda: assistant.completions.in_line == 0)
    wait_until(lambda: len(assistant.ledger.turns()) > before)
    assert assistant.ledger.turns()[0].tokens < 500, "it did not go on to the end"


def test_stops_and_limits_hold(service: tuple[Assistant, openai.OpenAI]) -> None:
    _, client = service
    messages: list[dict[str, str]] = [{"role": "user", "content": "Say hello."}]
    cut = creating(client)(model=ALIAS, messages=messages, max_tokens=2)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage.completion_tokens == 2
    whole = creating(client)(model=ALIAS, messages=messages, max_tokens=32)
    text = whole.choices[0].message.content
    mark = text[3:6]
    stopped = creating(client)(model=ALIAS, messages=messages, max_tokens=32, stop=mark)
    assert stopped.choices[0].message.content == text[: text.index(mark)]
    assert stopped.choices[0].finish_reason == "stop"


def test_only_the_products_own_name_without_a_system_message_costs_tokens(
    service: tuple[Assistant, openai.OpenAI],
) -> None:
    _, client = service
    question = {"role": "user", "content": "Write a random sentence"}
    empty = {"role": "system", "content": ""}

    def prompt_tokens(model: str, *messages: dict[str, str]) -> int:
        answer = creating(client)(model=model, messages=list(messages), max_tokens=1)
        found: int = answer.usage.prompt_tokens
        return found

    plain = prompt_tokens(SMOLLM, question)
    assert prompt_tokens(SMOLLM, empty, question) == prompt_tokens(ALIAS, empty, question) == plain
    assert plain < prompt_tokens(ALIAS, question) < plain + 50


def test_too_long_a_prompt_is_openais_error(service: tuple[Assistant, openai.OpenAI]) -> None:
    _, client = service
    with pytest.raises(openai.BadRequestError) as raised:
        creating(client)(model=ALIAS, messages=[{"role": "user", "content": "word " * 60_000}], stream=True)
    assert raised.value.code == "context_length_exceeded"
