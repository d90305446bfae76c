"""Requests made from the OpenAPI document: whatever fits it or just misses it, the service does not fail."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from autoglm_desktop.core.perception import ImageReading, Transcript
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.script import Senses
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.services import ALIAS, on_socket

EXAMPLES = 15
"""Requests for each operation and mode."""
OPERATIONS = {
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/audio/transcriptions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model_id}"),
    ("GET", "/v1/energy"),
    ("PUT", "/v1/energy/phone"),
    ("GET", "/health"),
    ("GET", "/metrics"),
}


def engine() -> ScriptedEngine:
    reading = ImageReading((), (), 1, 1, 0.0)
    heard = Transcript("", "en", 0.0, 0.0, ())
    return ScriptedEngine([Reply("Yes.")], senses=Senses(read=lambda _: reading, hear=lambda _: heard))


ANSWERS = {"/v1/chat/completions", "/v1/responses", "/v1/audio/transcriptions"}
"""Where a body names the model: any other name is a 404 before anything else is looked at."""

REFUSED = {"text"}


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_makes_it_fail(mode: GenerationMode) -> None:
    with on_socket(engine(), Settings(max_tokens=8)) as service:
        schema = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
        seen = set()
        for found in schema.get_all_operations():
            operation = _operation(found)
            seen.add((operation.method.upper(), operation.path))
            statuses = _check(operation, mode)
            if mode is GenerationMode.POSITIVE and operation.path in ANSWERS:
                assert statuses[200] >= 3, (operation.path, statuses)
        assert seen == OPERATIONS


def _operation(found: Any) -> Any:
    return found.ok()


def _towards_an_answer(body: dict[str, Any], turn: int) -> dict[str, Any]:
    """One of five as it was made; the others name the model; two of them ask something and nothing that is refused."""
    if turn == 0:
        return body
    named = body | {"model": ALIAS}
    if turn < 3:
        return named
    asked = {"messages": [{"role": "user", "content": "Hi"}], "input": "Hi"}
    return {key: asked.get(key, value) for key, value in named.items() if key not in REFUSED}


def _check(operation: Any, mode: GenerationMode) -> Counter[int]:
    """How often it answered with which status."""
    statuses: Counter[int] = Counter()
    if mode is GenerationMode.NEGATIVE and operation.method.upper() not in ("POST", "PUT"):
        return statuses  # without a body there is nothing that could be wrong

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if operation.path in ANSWERS and isinstance(case.body, dict):
            case.body = _towards_an_answer(case.body, statuses.total() % 5)
        response = case.call()
        statuses[response.status_code] += 1
        assert response.status_code < 500, (response.status_code, response.text, case.as_curl_command())
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"message", "type", "param", "code"}

    ask()
    return statuses


def test_the_document_names_what_clients_may_send() -> None:
    with on_socket(engine()) as service:
        document = schemathesis.openapi.from_url(f"{service.address}/openapi.json").raw_schema
    chat = document["components"]["schemas"]["ChatRequest"]["properties"]
    assert {"messages", "stream", "enable_thinking", "return_reasoning", "reasoning_format", "thinking"} <= set(chat)
    for name, refused in (("ChatRequest", "response_format"), ("ResponsesRequest", "text.format")):
        assert refused in document["components"]["schemas"][name]["x-refused"]
    for path in document["paths"].values():
        for operation in path.values():
            assert {"400", "401", "413", "429"} <= set(operation["responses"])
