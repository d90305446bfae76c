"""Requests made from the OpenAPI document: whatever fits it or just misses it, the answer is one that it describes."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from autoglm_desktop.core.perception import ImageReading, Transcript
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.script import Senses
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from autoglm_desktop.server import answers
from tests.helpers.services import ALIAS, chat, events_of, in_process, on_socket

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

UNCHECKED = {
    "/v1/chat/completions": [positive_data_acceptance],
    "/v1/responses": [positive_data_acceptance],
    "/v1/audio/transcriptions": [negative_data_rejection],
}
"""No schema can say that a message has words in it; in a form every value is a text."""

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
        case.validate_response(response, excluded_checks=UNCHECKED.get(operation.path, []))
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


@pytest.mark.parametrize("key", [None, "k"])
def test_the_document_says_how_a_key_is_sent(key: str | None) -> None:
    with in_process(engine(), api_key=key) as ask:
        document = ask.get("/openapi.json", headers={"X-Api-Key": key or ""}).json()
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer"},
        "x_api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    }
    assert document["security"] == [{"bearer": []}, {"x_api_key": []}, *([] if key else [{}])]
    assert document["paths"]["/health"]["get"]["security"] == []


def test_every_answer_has_a_schema_and_every_reference_its_target() -> None:
    with in_process(engine()) as ask:
        document = ask.get("/openapi.json").json()
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names <= set(document["components"]["schemas"])
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                assert all(content.get("schema", content.get("itemSchema")) for content in response["content"].values())


FITS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/energy/phone", {"release_temperature": 0}), ("/v1/energy/phone", {"plugged": "yes"}),
    ("/v1/energy/phone", {"battery": "0.5"}), ("/v1/energy/phone", {"battery": True}),
    ("/v1/energy/phone", {"release_temperature": None}), ("/v1/energy/phone", {"battery": 1}),
    ("/v1/chat/completions", {"seed": 2**63}), ("/v1/chat/completions", {"seed": -(2**63)}),
    ("/v1/chat/completions", {"seed": 2**63 - 1}), ("/v1/chat/completions", {"seed": 2**64}),
    ("/v1/chat/completions", {"seed": 7.0}), ("/v1/chat/completions", {"seed": "7"}),
    ("/v1/chat/completions", {"seed": True}), ("/v1/chat/completions", {"stream": 1}),
    ("/v1/chat/completions", {"temperature": "0.5"}), ("/v1/chat/completions", {"reasoning_format": "raw"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fields"), FITS, ids=str)
def test_what_fits_the_document_is_taken_and_nothing_else(path: str, fields: dict[str, Any]) -> None:
    key = {"X-Api-Key": "k"}
    with in_process(engine(), api_key="k") as ask:
        document = ask.get("/openapi.json", headers=key).json()
        method, body = ("PUT", fields) if path.endswith("phone") else ("POST", chat() | fields)
        answer = ask(method, path, json=body, headers=key)
        (operation,) = document["paths"][path].values()
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
    fits = jsonschema_rs.validator_for(schema | {"components": document["components"]}).is_valid(body)
    assert answer.status_code == (200 if fits else 400), answer.text


def test_empty_parts_of_a_form_fit_as_the_document_says() -> None:
    path, heard = "/v1/audio/transcriptions", {"file": ("a.wav", b"RIFF")}
    with in_process(engine()) as ask:
        document = ask.get("/openapi.json").json()
        (form,) = (model for name, model in document["components"]["schemas"].items() if name.startswith("Body_"))
        for name in ("file", "model"):
            assert form["properties"][name]["minLength"] == 1
        assert ask.post(path, files={"file": ("a.wav", b"")}, data={"model": "whisper-1"}).status_code == 400
        assert ask.post(path, files=heard, data={"model": ""}).status_code == 400
        assert ask.post(path, files=heard, data={"model": "whisper-1", "language": ""}).status_code == 200


def test_what_is_sent_has_no_field_that_the_document_leaves_out() -> None:
    """Also in streams, whose chunks are written by hand."""
    replies = [Reply("Yes.", reasoning="Hm.")]
    thinking = {"enable_thinking": True, "model": ALIAS}
    with in_process(ScriptedEngine(replies)) as ask:
        asked = {"messages": chat()["messages"], "stream_options": {"include_usage": True}} | thinking
        responded = {"input": "Hi"} | thinking
        found: list[tuple[type[BaseModel], list[Any]]] = [
            (answers.ChatCompletion, [ask.post("/v1/chat/completions", json=asked).json()]),
            (answers.ResponseObject, [ask.post("/v1/responses", json=responded).json()]),
            (answers.ChatCompletionChunk,
             events_of(ask.post("/v1/chat/completions", json=asked | {"stream": True}).text)),
            (answers.ResponseEvent, events_of(ask.post("/v1/responses", json=responded | {"stream": True}).text)),
            (answers.ErrorAnswer, [ask.get("/nothing").json()]),
            (answers.ModelList, [ask.get("/v1/models").json()]),
            (answers.EnergyPage, [ask.get("/v1/energy").json()]),
            (answers.Health, [ask.get("/health").json()]),
        ]  # fmt: skip
    for model, bodies in found:
        assert bodies
        for body in bodies:
            model.model_validate(body, strict=True, extra="forbid")


@pytest.mark.parametrize(
    ("form", "model"), [("json", answers.ShortTranscription), ("verbose_json", answers.LongTranscription)]
)
def test_transcripts_are_as_the_document_says(form: str, model: type[BaseModel]) -> None:
    with in_process(engine()) as ask:
        sent = {"files": {"file": ("a.wav", b"RIFF")}, "data": {"model": "whisper-1", "response_format": form}}
        model.model_validate(ask.post("/v1/audio/transcriptions", **sent).json(), strict=True, extra="forbid")
