"""Images and speech through real clients with real weights: `openai` and LangChain, as their users write them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.helpers.audio_files import speak
from tests.helpers.images import encoded
from tests.helpers.real_models import QWEN, WHISPER
from tests.helpers.screenshots import draw_screen
from tests.helpers.services import ALIAS, creating
from tests.model.test_service_real import LIMIT_S, real_service, warm_up

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

SAID = "My sister plays the piano and sings in a choir."


@pytest.fixture(scope="module")
def client(
    shared_data_dir: Path, tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]
) -> Iterator[openai.OpenAI]:
    for model_id in (QWEN, WHISPER):
        model_folder(model_id)
    with real_service(shared_data_dir, tmp_path_factory.mktemp("service") / "engine.log", QWEN) as (_, started):
        warm_up(started)
        yield started


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    return speak(SAID, tmp_path / "said.wav")


def picture(*lines: str) -> str:
    """Text in a PNG, as clients send it."""
    data = encoded(draw_screen(list(lines), size=(480, 200), height=28))
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_openai_asks_about_an_image(client: openai.OpenAI) -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": picture("Flight LH 482 leaves from gate 37")}},
        {"type": "text", "text": "From which gate does the flight leave?"},
    ]
    answer = creating(client)(model=ALIAS, messages=[{"role": "user", "content": parts}], max_tokens=32)
    assert "37" in answer.choices[0].message.content


def test_openai_asks_by_voice(client: openai.OpenAI, speech: Path) -> None:
    recorded = base64.b64encode(speech.read_bytes()).decode()
    parts = [
        {"type": "input_audio", "input_audio": {"data": recorded, "format": "wav"}},
        {"type": "text", "text": "Which instrument does she play?"},
    ]
    answer = creating(client)(model=ALIAS, messages=[{"role": "user", "content": parts}], max_tokens=32)
    assert "piano" in answer.choices[0].message.content.lower()


def test_openai_has_a_recording_written_down(client: openai.OpenAI, speech: Path) -> None:
    with speech.open("rb") as file:
        found = client.audio.transcriptions.create(model="whisper-1", file=file)
    assert "piano" in found.text
    assert "choir" in found.text


def test_openai_has_a_response_with_its_reasoning(client: openai.OpenAI) -> None:
    with client.responses.stream(
        model=ALIAS, input="What is 2 + 2?", reasoning={"effort": "low"}, max_output_tokens=160
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.reasoning_summary_text.delta" in kinds
    assert "4" in final.output_text
    assert final.usage is not None
    assert final.usage.output_tokens_details.reasoning_tokens > 0
    assert final.usage.input_tokens > 0


def thinking_langchain(client: openai.OpenAI, connection: httpx.Client) -> ChatOpenAI:
    """The guide's client, but for its address."""
    return ChatOpenAI(
        model=ALIAS,
        temperature=0.0,
        max_completion_tokens=96,
        base_url=str(client.base_url),
        api_key=SecretStr("EMPTY"),
        extra_body={"enable_thinking": True, "return_reasoning": True, "thinking_budget": 48},
        streaming=True,
        stream_usage=True,
        http_client=connection,
    )


def test_langchain_is_told_who_answers_after_a_thought(client: openai.OpenAI) -> None:
    with httpx.Client(timeout=LIMIT_S) as connection:
        answer = thinking_langchain(client, connection).invoke("你是谁?")
    assert "AutoGLM" in str(answer.content)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_token_details"]["reasoning"] > 0


def test_langchain_sends_an_image_and_has_it_thought_about(client: openai.OpenAI) -> None:
    parts: list[str | dict[str, object]] = [
        {"type": "image_url", "image_url": {"url": picture("Welcome to the museum")}},
        {"type": "text", "text": "What is written in the picture?"},
    ]
    with httpx.Client(timeout=LIMIT_S) as connection:
        answer = thinking_langchain(client, connection).invoke([HumanMessage(parts)])
    assert "museum" in str(answer.content).lower()
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_token_details"]["reasoning"] > 0
