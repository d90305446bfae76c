"""Fields known from other services: done, or refused by name; what asks for nothing passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.core.perception import Transcript
from autoglm_desktop.engine.script import Senses
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from autoglm_desktop.server.errors import Refusal, Refused
from autoglm_desktop.server.unsupported import CHAT, MESSAGE, RESPONSES, TRANSCRIPTION, Fields, refuse_unsupported
from tests.helpers.services import ALIAS, InProcess, in_process

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.fixture(scope="module")
def ask() -> Iterator[InProcess]:
    heard = Transcript("Hello.", "en", 1.0, 0.1, ())
    with in_process(ScriptedEngine([Reply("Yes.")], senses=Senses(hear=lambda _: heard))) as running:
        yield running


SHARED: list[tuple[str, Any]] = [
    ("json_schema", SCHEMA),
    ("json_schema", {}),
    ("grammar", 'root ::= "yes"'),
    ("guided_json", SCHEMA),
    ("guided_json", "{}"),
    ("guided_regex", "[0-9]+"),
    ("guided_choice", ["yes", "no"]),
    ("guided_grammar", 'root ::= "yes"'),
    ("structured_outputs", {"choice": ["yes"]}),
    ("format", "json"),
    ("format", SCHEMA),
    ("tier", "int4"),
    ("continue_final_message", True),
    ("add_generation_prompt", False),
    ("logprobs", True),
    ("top_logprobs", 3),
    ("prompt_logprobs", 1),
    ("tools", [TOOL]),
    ("tool_choice", "required"),
    ("tool_choice", {"type": "function", "function": {"name": "f"}}),
    ("functions", [{"name": "f"}]),
    ("function_call", {"name": "f"}),
    ("n", 2),
    ("best_of", 4),
    ("logit_bias", {"50256": -100}),
    ("bad_words", ["no"]),
    ("prediction", {"type": "content", "content": "x"}),
    ("modalities", ["text", "audio"]),
    ("audio", {"voice": "alloy", "format": "wav"}),
    ("min_tokens", 20),
    ("ignore_eos", True),
    ("echo", True),
    ("suffix", "the end"),
    ("mirostat", 2),
    ("repeat_penalty", 1.3),
    ("stop_sequences", ["x"]),
    ("system", "You are a pirate."),
    ("chat_template", "{{ messages }}"),
    ("web_search_options", {}),
    ("previous_response_id", "resp_1"),
    ("conversation", {"id": "conv_1"}),
    ("background", True),
    ("truncation", "auto"),
]
ONLY_CHAT: list[tuple[str, Any]] = [
    ("response_format", {"type": "json_object"}),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}),
    ("response_format", "json"),
    ("instructions", "Be a pirate."),
    ("reasoning", {"effort": "high"}),
    ("max_output_tokens", 5),
    ("n_predict", 5),
]
ONLY_RESPONSES: list[tuple[str, Any]] = [
    ("store", True),
    ("include", ["reasoning.encrypted_content", "message.output_text.logprobs"]),
    ("prompt", {"id": "pmpt_1"}),
    ("max_tokens", 5),
    ("max_completion_tokens", 5),
    ("messages", [{"role": "user", "content": "x"}]),
]


def _ids(fields: list[tuple[str, Any]]) -> list[str]:
    return [f"{name}-{number}" for number, (name, _) in enumerate(fields)]


def assert_refused(status: int, body: dict[str, Any], param: str) -> None:
    assert status == 400, body
    error = body["error"]
    assert (error["param"], error["code"], error["type"]) == (param, "unsupported_value", "invalid_request_error")
    assert error["message"].startswith(param)
    assert ": " in error["message"], "it says what to do instead"


@pytest.mark.parametrize(("name", "value"), SHARED + ONLY_CHAT, ids=_ids(SHARED + ONLY_CHAT))
@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_refuses_by_name(ask: InProcess, name: str, value: Any, stream: bool) -> None:
    answer = ask.chat(**{name: value}, stream=stream)
    assert_refused(answer.status_code, answer.json(), name)


@pytest.mark.parametrize(("name", "value"), SHARED + ONLY_RESPONSES, ids=_ids(SHARED + ONLY_RESPONSES))
def test_a_response_refuses_by_name(ask: InProcess, name: str, value: Any) -> None:
    answer = ask.post("/v1/responses", json={"model": ALIAS, "input": "Hi", name: value})
    assert_refused(answer.status_code, answer.json(), name)


@pytest.mark.parametrize("kind", ["json_object", "json_schema", "grammar"])
def test_a_response_refuses_formats(ask: InProcess, kind: str) -> None:
    body = {"model": ALIAS, "input": "Hi", "text": {"format": {"type": kind, "name": "a", "schema": SCHEMA}}}
    answer = ask.post("/v1/responses", json=body)
    assert_refused(answer.status_code, answer.json(), "text.format")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", True),
        ("partial", True),
        ("tool_calls", [{"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        ("function_call", {"name": "f", "arguments": ""}),
        ("images", ["iVBORw0KGgo="]),
    ],
)
def test_fields_of_a_message_are_refused_with_its_place(ask: InProcess, name: str, value: Any) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes,", name: value}]
    chat = ask.chat(messages=messages)
    assert_refused(chat.status_code, chat.json(), f"messages.1.{name}")
    response = ask.post("/v1/responses", json={"model": ALIAS, "input": messages})
    assert_refused(response.status_code, response.json(), f"input.1.{name}")


NEUTRAL: dict[str, Any] = {
    "n": 1, "best_of": 1, "tools": [], "tool_choice": "none", "functions": [], "function_call": "auto",
    "logprobs": False, "top_logprobs": 0, "logit_bias": {}, "response_format": {"type": "text"}, "modalities": ["text"],
    "audio": None, "prediction": None, "grammar": "", "guided_json": None, "guided_choice": [], "format": "",
    "structured_outputs": None, "tier": "auto", "continue_final_message": False, "add_generation_prompt": True,
    "echo": False, "suffix": "", "min_tokens": 0, "ignore_eos": False, "skip_special_tokens": True,
    "previous_response_id": None, "conversation": None, "background": False, "truncation": "disabled",
    "repeat_penalty": 1.0, "typical_p": 1, "mirostat": 0, "length_penalty": 1.0, "use_beam_search": False,
    "options": {}, "include": ["reasoning.encrypted_content"], "system": "",
}  # fmt: skip
HINTS: dict[str, Any] = {
    "user": "ann", "metadata": {"a": "b"}, "store": False, "parallel_tool_calls": True, "service_tier": "auto",
    "prompt_cache_key": "k", "prompt_cache_retention": "24h", "safety_identifier": "s", "verbosity": "low",
    "cache_prompt": True, "request_id": "r", "priority": 1, "chat_id": "c", "session_id": "s", "ttl": 60,
    "something_new": {"a": [1]}, "stream_options": None,
}  # fmt: skip


@pytest.mark.parametrize("fields", [NEUTRAL, dict.fromkeys(NEUTRAL), HINTS], ids=["neutral", "null", "hints"])
def test_what_asks_for_nothing_passes(ask: InProcess, fields: dict[str, Any]) -> None:
    assert ask.chat(**fields).status_code == 200
    responses = {"model": ALIAS, "input": "Hi", "text": {"format": {"type": "text"}, "verbosity": "low"}}
    assert ask.post("/v1/responses", json=responses | fields).status_code == 200


def test_tools_that_may_not_be_called_pass(ask: InProcess) -> None:
    assert ask.chat(tools=[TOOL], tool_choice="none").status_code == 200
    assert ask.chat(functions=[{"name": "f"}], function_call="none").status_code == 200


def test_a_stop_ends_a_response() -> None:
    with in_process(ScriptedEngine([Reply("one two three")])) as running:
        body = {"model": ALIAS, "input": "Count.", "stop": ["two"]}
        answer = running.post("/v1/responses", json=body).json()
    assert answer["output"][0]["content"][0]["text"] == "one "


def transcribed(ask: InProcess, *fields: tuple[str, str]) -> Any:
    data: dict[str, Any] = {"model": "whisper-1"}
    for name, value in fields:
        data.setdefault(name, []).append(value)
    return ask.post("/v1/audio/transcriptions", files={"file": ("a.wav", b"RIFF")}, data=data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", "true"),
        ("prompt", "Erika, AutoGLM"),
        ("temperature", "0.4"),
        ("temperature", "warm"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities", "word"),
        ("include[]", "logprobs"),
        ("chunking_strategy", '{"type": "server_vad"}'),
        ("known_speaker_names[]", "Ann"),
        ("hotwords", "AutoGLM"),
        ("task", "translate"),
    ],
)
def test_a_transcription_refuses_by_name(ask: InProcess, name: str, value: str) -> None:
    answer = transcribed(ask, (name, value))
    assert_refused(answer.status_code, answer.json(), name)


def test_one_word_of_several_is_enough_to_refuse(ask: InProcess) -> None:
    both = [("timestamp_granularities[]", word) for word in ("segment", "word")]
    answer = transcribed(ask, *both)
    assert_refused(answer.status_code, answer.json(), "timestamp_granularities[]")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", "false"),
        ("stream", "False"),
        ("prompt", ""),
        ("temperature", "0"),
        ("temperature", "0.0"),
        ("timestamp_granularities[]", "segment"),
        ("chunking_strategy", "auto"),
        ("user", "ann"),
        ("something_new", "x"),
    ],
)
def test_a_transcription_takes_what_asks_for_nothing(ask: InProcess, name: str, value: str) -> None:
    assert transcribed(ask, (name, value)).status_code == 200


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def refusal(fields: Fields, sent: dict[str, Any]) -> Refusal | None:
    try:
        refuse_unsupported(fields, sent)
    except Refused as error:
        return error.refusal
    return None


@pytest.mark.parametrize("fields", [CHAT, RESPONSES, MESSAGE, TRANSCRIPTION])
@given(value=JSON_VALUES)
def test_any_value_passes_or_is_refused_by_name(fields: Fields, value: Any) -> None:
    for name in fields:
        head, _, rest = name.partition(".")
        found = refusal(fields, {head: {rest: value} if rest else value})
        assert found is None or (found.param == name and len(found.message) < 300)
