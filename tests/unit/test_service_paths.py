"""What an error says of the place: the keys and numbers of what the client sent, and no word of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.services import ALIAS, InProcess, chat, in_process
from tests.unit.test_service_refusals import CHAT, RESPONSES, refused

PHONE = "/v1/energy/phone"
KEY = {"X-Api-Key": "k"}


@pytest.fixture(scope="module")
def ask() -> Iterator[InProcess]:
    with in_process(ScriptedEngine([Reply("Yes.")]), api_key="k") as running:
        yield running


def said(parts: list[Any], role: str = "user") -> list[Any]:
    return [{"role": role, "content": parts}]


CASES: list[tuple[str, dict[str, Any], str]] = [
    (CHAT, {"messages": "Hi"}, "messages"),
    (CHAT, {"messages": {"role": "user"}}, "messages"),
    (CHAT, {"messages": ["Hi"]}, "messages.0"),
    (CHAT, {"messages": [{"role": "robot", "content": "Hi"}]}, "messages.0.role"),
    (CHAT, {"messages": [{"content": "Hi"}]}, "messages.0.role"),
    (CHAT, {"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
    (CHAT, {"messages": said([7])}, "messages.0.content.0"),
    (CHAT, {"messages": said([{"text": "Hi"}])}, "messages.0.content.0.type"),
    (CHAT, {"messages": said([{"type": "video"}])}, "messages.0.content.0.type"),
    (CHAT, {"messages": said([{"type": ["text"]}])}, "messages.0.content.0.type"),
    (CHAT, {"messages": said([{"type": "text"}])}, "messages.0.content.0.text"),
    (CHAT, {"messages": said([{"type": "text", "text": 7}])}, "messages.0.content.0.text"),
    (CHAT, {"messages": said([{"type": "text", "text": "a"}, {"type": "text", "text": None}])},
     "messages.0.content.1.text"),
    (CHAT, {"messages": said([{"type": "image_url", "image_url": 7}])}, "messages.0.content.0.image_url"),
    (CHAT, {"messages": said([{"type": "image_url", "image_url": {}}])}, "messages.0.content.0.image_url.url"),
    (CHAT, {"messages": said([{"type": "image_url", "image_url": {"url": 7}}])}, "messages.0.content.0.image_url.url"),
    (CHAT, {"messages": said([{"type": "input_audio", "input_audio": {"data": ""}}])},
     "messages.0.content.0.input_audio.format"),
    (CHAT, {"messages": said([{"type": "input_audio"}])}, "messages.0.content.0.input_audio"),
    (CHAT, {"stop": 7}, "stop"),
    (CHAT, {"stop": {"a": 1}}, "stop"),
    (CHAT, {"stop": ["a", 7]}, "stop.1"),
    (CHAT, {"stop": ["a", "\ud800"]}, "stop.1"),
    (CHAT, {"stream_options": {"include_usage": "often"}}, "stream_options.include_usage"),
    (CHAT, {"thinking": {"type": "enabled", "budget_tokens": "many"}}, "thinking.budget_tokens"),
    (CHAT, {"reasoning_format": "loud"}, "reasoning_format"),
    (RESPONSES, {"input": 7}, "input"),
    (RESPONSES, {"input": {"role": "user"}}, "input"),
    (RESPONSES, {"input": ["Hi"]}, "input.0"),
    (RESPONSES, {"input": [{"role": "user", "content": "a"}, {"type": "call", "content": "b"}]}, "input.1.type"),
    (RESPONSES, {"input": [{"role": "user", "content": "a"}, {"role": "user"}]}, "input.1.content"),
    (RESPONSES, {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text"}]}]},
     "input.0.content.0.text"),
    (RESPONSES, {"input": said([{"type": "input_image", "input_image": 5, "image_url": 7}])},
     "input.0.content.0.image_url"),
    (RESPONSES, {"metadata": {"a": 1}}, "metadata.a"),
    (RESPONSES, {"metadata": {"\ud800": "x"}}, "metadata"),
    (RESPONSES, {"reasoning": {"effort": 7}}, "reasoning.effort"),
    (PHONE, {"battery": 2}, "battery"),
    (PHONE, {"plugged": "maybe"}, "plugged"),
]  # fmt: skip


def send(ask: InProcess, path: str, body: dict[str, Any]) -> Any:
    return ask("PUT" if path == PHONE else "POST", path, content=json.dumps(body), headers=KEY)


def whole(path: str, fields: dict[str, Any]) -> dict[str, Any]:
    bodies: dict[str, dict[str, Any]] = {CHAT: chat(), RESPONSES: {"model": ALIAS, "input": "Hi"}, PHONE: {}}
    return bodies[path] | fields


@pytest.mark.parametrize(("path", "fields", "param"), CASES, ids=str)
def test_a_wrong_field_is_named_as_it_was_sent(ask: InProcess, path: str, fields: dict[str, Any], param: str) -> None:
    error = refused(send(ask, path, whole(path, fields)), 400, "invalid_value")
    assert error["param"] == param
    for ours in ("dictionary", "discriminator", "function", "union", "Value error", "tag", "(text)"):
        assert ours not in error["message"]


IMAGE = {"type": "input_image", "image_url": "https://far.example/a.png"}


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        (CHAT, {"messages": [{"role": "user"}]}, "messages.0.content"),
        (CHAT, {"messages": said([IMAGE])}, "messages.0.content.0"),
        (RESPONSES, {"input": [{"type": "reasoning"}, *said([{"type": "input_text", "text": "a"}, IMAGE])]},
         "input.1.content.1"),
    ],
)  # fmt: skip
def test_what_is_refused_later_is_named_as_it_was_sent_too(
    ask: InProcess, path: str, fields: dict[str, Any], param: str
) -> None:
    assert refused(send(ask, path, whole(path, fields)), 400)["param"] == param


def test_wrong_parts_of_a_form_are_named(ask: InProcess) -> None:
    path = "/v1/audio/transcriptions"
    file = {"file": ("a.wav", b"RIFF")}
    assert refused(ask.post(path, files=file, headers=KEY), 400)["param"] == "model"
    assert refused(ask.post(path, data={"model": "whisper-1"}, headers=KEY), 400)["param"] == "file"
    assert refused(ask.post(path, data={"model": "whisper-1", "file": "text"}, headers=KEY), 400)["param"] == "file"
    wrong = {"model": "whisper-1", "response_format": "pdf"}
    assert refused(ask.post(path, files=file, data=wrong, headers=KEY), 400)["param"] == "response_format"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
WORDS = st.sampled_from(
    ["type", "text", "role", "content", "image_url", "url", "input_audio", "input_image", "message", "reasoning",
     "format", "data", "input", "messages", "(text)", "(list)", "(object)", "effort", "budget_tokens"]
)  # fmt: skip
TYPES = st.sampled_from(["text", "input_text", "image_url", "input_image", "input_audio", "message", "reasoning"])


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(WORDS, inner, max_size=4)
    typed = st.builds(lambda kind, fields: fields | {"type": kind}, TYPES, objects)
    return st.lists(inner, max_size=3) | objects | typed


ANYTHING = st.recursive(LEAVES | TYPES, _grown, max_leaves=12)
FIELDS = {
    CHAT: ["model", "messages", "stop", "thinking", "stream_options", "response_format", "logit_bias", "temperature"],
    RESPONSES: ["model", "input", "reasoning", "text", "metadata", "instructions", "max_output_tokens"],
    PHONE: ["battery", "plugged", "release_temperature"],
}


@pytest.mark.parametrize("path", FIELDS)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_sent_the_place_of_an_error_is_in_it(ask: InProcess, path: str, data: st.DataObject) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS[path]), ANYTHING, max_size=3))
    sent = whole(path, fields) | data.draw(st.sampled_from([{}, {"model": "none"}]))
    answer = send(ask, path, sent)
    if answer.status_code != 400 or (param := answer.json()["error"]["param"]) is None:
        return
    assert _leads_through(sent, param.split(".")), (param, sent)


def _leads_through(node: Any, steps: list[str]) -> bool:
    """Whether each step is a key or number of what was sent; the last may be a key that is missing there."""
    for place, step in enumerate(steps):
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return isinstance(node, dict) and place == len(steps) - 1
    return True
