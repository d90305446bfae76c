"""Bad input over HTTP: the right status in OpenAI's shape, and the service lives."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.assistants import Installed
from tests.helpers.services import ALIAS, InProcess, chat, in_process

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"


@pytest.fixture
def ask() -> Iterator[InProcess]:
    with in_process(ScriptedEngine([Reply("Yes.")])) as running:
        yield running
        assert running.chat().status_code == 200, "it still answers"


def refused(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The error of a refusal, whose shape is OpenAI's."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"]
    assert code is None or error["code"] == code
    return error


def image(url: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


def audio(data: str, form: str = "wav") -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": form}}]}]


BAD_CHATS: dict[str, dict[str, Any]] = {
    "no messages": {"messages": []},
    "messages of a wrong type": {"messages": "hello"},
    "a message of a wrong type": {"messages": ["hello"]},
    "an unknown role": {"messages": [{"role": "robot", "content": "x"}]},
    "a tool's message": {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]},
    "no content": {"messages": [{"role": "user"}]},
    "a blank prompt": {"messages": [{"role": "user", "content": "  \n"}]},
    "only the system speaks": {"messages": [{"role": "system", "content": "x"}]},
    "too many messages": {"messages": [{"role": "user", "content": "x"}] * 3000},
    "an unknown part": {"messages": [{"role": "user", "content": [{"type": "video", "video": "x"}]}]},
    "a part without a type": {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
    "a number as content": {"messages": [{"role": "user", "content": 7}]},
    "a model of a wrong type": {"model": 7},
    "too hot": {"temperature": 2.5},
    "too cold": {"temperature": -0.1},
    "a word as temperature": {"temperature": "warm"},
    "top_p over one": {"top_p": 1.5},
    "a negative limit": {"max_tokens": -2},
    "a limit of nothing": {"max_tokens": 0},
    "a huge limit": {"max_tokens": 10**12},
    "a limit beyond integers": {"max_completion_tokens": 10**30},
    "a fraction as limit": {"max_tokens": 1.5},
    "stops by the thousand": {"stop": [f"stop {n}" for n in range(1000)]},
    "a long stop": {"stop": "x" * 10_000},
    "stops of a wrong type": {"stop": [1, 2]},
    "two answers": {"n": 2},
    "no answer": {"n": 0},
    "a huge seed": {"seed": 10**40},
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "functions": {"functions": [{"name": "f"}]},
    "log probabilities": {"logprobs": True},
    "a bias": {"logit_bias": {"1": 5}},
    "speech as answer": {"modalities": ["text", "audio"]},
    "JSON as answer": {"response_format": {"type": "json_object"}},
    "a wrong switch in the template": {"chat_template_kwargs": {"enable_thinking": "maybe"}},
    "an unknown kind of thinking": {"thinking": {"type": "deep"}},
    "an endless budget": {"thinking": {"type": "enabled", "budget_tokens": 10**9}},
    "an image from the network": {"messages": image("https://example.com/a.png")},
    "an image from a file": {"messages": image("file:///etc/passwd")},
    "an image from a path": {"messages": image("/etc/passwd")},
    "an image that is none": {"messages": image("data:image/png;base64," + base64.b64encode(b"no image").decode())},
    "an image in no base64": {"messages": image("data:image/png;base64,@@@@")},
    "an image without base64": {"messages": image("data:image/png,abc")},
    "an empty image": {"messages": image("data:image/png;base64,")},
    "a drawing that runs scripts": {"messages": image("data:image/svg+xml;base64,PHN2Zy8+")},
    "audio in no base64": {"messages": audio("%%%")},
    "audio of nothing": {"messages": audio("")},
    "audio of an unknown form": {"messages": audio("AAAA", "ogg")},
}


@pytest.mark.parametrize("fields", BAD_CHATS.values(), ids=BAD_CHATS.keys())
def test_a_bad_chat_is_a_400(ask: InProcess, fields: dict[str, Any]) -> None:
    refused(ask.post(CHAT, json=chat() | fields), 400)


BAD_RESPONSES: dict[str, dict[str, Any]] = {
    "no input": {"input": []},
    "a number as input": {"input": 7},
    "a blank input": {"input": " "},
    "an unknown item": {"input": [{"type": "function_call_output", "output": "x"}]},
    "an earlier response": {"previous_response_id": "resp_1"},
    "a stored conversation": {"conversation": "conv_1"},
    "in the background": {"background": True},
    "tools": {"tools": [{"type": "web_search"}]},
    "a schema": {"text": {"format": {"type": "json_schema"}}},
    "a kept file": {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
    "a negative limit": {"max_output_tokens": -5},
}


@pytest.mark.parametrize("fields", BAD_RESPONSES.values(), ids=BAD_RESPONSES.keys())
def test_a_bad_response_is_a_400(ask: InProcess, fields: dict[str, Any]) -> None:
    refused(ask.post(RESPONSES, json={"model": ALIAS, "input": "Hi"} | fields), 400)


PLAIN_WORDS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "too many stops": (CHAT, {"stop": ["x"] * 2000}, "stop", "at most 16 items"),
    "a number as stop": (CHAT, {"stop": [1]}, "stop.0", "valid string"),
    "a long stop": (CHAT, {"stop": "x" * 600}, "stop", "at most 512 characters"),
    "an unknown part": (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "video"}]}]},
        "messages.0.content.0",
        "'video'",
    ),
    "another format of sound": (
        CHAT,
        {"messages": [{"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": "", "format": "flac"}}]}]},
        "messages.0.content.0.input_audio.format",
        "'wav' or 'mp3'",
    ),
    "an empty input": (RESPONSES, {"input": []}, "input", "at least 1 item"),
    "an unknown item": (RESPONSES, {"input": [{"type": "function_call_output"}]}, "input.0", "'message'"),
    "an unknown part of an item": (
        RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "bogus"}]}]},
        "input.0.content.0",
        "'bogus'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "fields", "param", "words"), PLAIN_WORDS.values(), ids=PLAIN_WORDS.keys())
def test_an_error_names_the_cause_where_a_field_may_be_written_in_two_ways(
    ask: InProcess, path: str, fields: dict[str, Any], param: str, words: str
) -> None:
    given = {"model": ALIAS, "input": "Hi"} if path == RESPONSES else chat()
    error = refused(ask.post(path, json=given | fields), 400, "invalid_value")
    assert words in error["message"]
    assert error["param"].startswith(param)
    assert "function" not in error["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"7", b"\xff\xfe", b'{"model": "x"', b"[" * 100_000,
     b'{"max_tokens": ' + b"9" * 5000 + b"}",
     b'{"model": "autoglm-phone-9b", "messages": [{"role": "user", "content": "\\ud800"}]}'],
    ids=["nothing", "open", "null", "list", "number", "no UTF-8", "cut", "deep", "digits", "half a character"],
)  # fmt: skip
@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_a_body_that_cannot_be_read_is_a_400(ask: InProcess, path: str, body: bytes) -> None:
    refused(ask.post(path, content=body, headers={"Content-Type": "application/json"}), 400)


def test_tools_that_may_be_left_alone_and_unknown_keys_are_ignored(ask: InProcess) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert ask.chat(tools=tools, tool_choice="none").status_code == 200
    assert ask.chat(user="ann", service_tier="auto", store=True, something_new={"a": [1]}).status_code == 200


def test_paths_and_methods_that_are_not_there(ask: InProcess) -> None:
    refused(ask.get("/nothing"), 404, "not_found")
    refused(ask.get("/v1/chat/completions/"), 404, "not_found")
    refused(ask.get(CHAT), 405, "method_not_allowed")
    refused(ask("DELETE", "/v1/models"), 405, "method_not_allowed")
    refused(ask.get("/docs"), 404)


def test_another_model_is_a_404_that_names_it(ask: InProcess) -> None:
    error = refused(ask.chat(model="gpt-9"), 404, "model_not_found")
    assert "gpt-9" in error["message"]
    refused(ask.post(RESPONSES, json={"model": "", "input": "Hi"}), 404, "model_not_found")


def test_a_model_that_is_not_installed_is_a_503() -> None:
    with in_process(ScriptedEngine([Reply("Yes.")]), library=Installed(installed=())) as ask:
        refused(ask.chat(), 503, "model_missing")
        assert ask.get("/v1/models").json()["data"][0]["weights"]["installed"] is False


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "192.168.1.7:8000", "0.0.0.0:8000", "a@127.0.0.1",
     "127.0.0.1/x", "", "localhost:port", "[::1", "2130706433"],
)  # fmt: skip
def test_a_wrong_host_is_a_421(ask: InProcess, host: str) -> None:
    refused(ask.get("/health", headers={"Host": host}), 421, "wrong_host")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "127.0.0.1", "localhost:8000", "LocalHost", "[::1]:8000", "127.9.9.9"]
)
def test_names_of_this_computer_are_answered(ask: InProcess, host: str) -> None:
    assert ask.get("/health", headers={"Host": host}).status_code == 200


def test_a_name_that_the_settings_allow_is_answered() -> None:
    settings = Settings(service_allowed_hosts=("booth.local",))
    with in_process(ScriptedEngine([Reply("Yes.")]), settings) as ask:
        assert ask.get("/health", headers={"Host": "booth.local:8000"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost.evil.example"]
)
def test_pages_of_the_web_are_refused(ask: InProcess, origin: str) -> None:
    refused(ask.post(CHAT, json=chat(), headers={"Origin": origin}), 403, "wrong_origin")
    answer = ask("OPTIONS", CHAT, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_an_origin_that_the_settings_name_may_use_it() -> None:
    settings = Settings(service_cors_origins=("https://a.example",))
    with in_process(ScriptedEngine([Reply("Yes.")]), settings, api_key="k") as ask:
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        flight = ask("OPTIONS", CHAT, headers=asked)
        assert flight.status_code == 200
        assert flight.headers["access-control-allow-origin"] == "https://a.example"
        answer = ask.post(CHAT, json=chat(), headers={"Origin": "https://a.example", "Authorization": "Bearer k"})
        assert answer.status_code == 200
        refused(ask.post(CHAT, json=chat(), headers={"Origin": "https://b.example"}), 403)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secret2", "Bearer \u00e9"]
)
def test_a_wrong_key_is_a_401(header: str | None) -> None:
    with in_process(ScriptedEngine([Reply("Yes.")]), api_key="secret") as ask:
        headers = {} if header is None else {b"Authorization": header.encode()}
        answer = ask.post(CHAT, json=chat(), headers=headers)
        refused(answer, 401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "secret" not in answer.text
        for path in ("/v1/models", "/v1/energy", "/metrics", "/openapi.json"):
            assert ask.get(path).status_code == 401
        assert ask.get("/health").status_code == 200


def test_the_right_key_opens() -> None:
    with in_process(ScriptedEngine([Reply("Yes.")]), api_key="s\u00e9cret") as ask:
        header = b"Bearer " + "s\u00e9cret".encode()
        assert ask.post(CHAT, json=chat(), headers={b"Authorization": header}).status_code == 200


def test_a_giant_body_is_a_413_whether_it_says_so_or_not() -> None:
    settings = Settings(service_max_body_bytes=2000)
    with in_process(ScriptedEngine([Reply("Yes.")]), settings) as ask:
        refused(ask.chat("x" * 3000), 413, "body_too_large")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" " * 100
                await asyncio.sleep(0)

        answer = ask.post(CHAT, content=pieces(), headers={"Content-Type": "application/json"})
        refused(answer, 413, "body_too_large")
        refused(
            ask.post("/v1/audio/transcriptions", files={"file": ("a.wav", b"x" * 3000)}, data={"model": "whisper-1"}),
            413,
        )
        assert ask.chat().status_code == 200


def test_without_a_body_a_form_is_a_400(ask: InProcess) -> None:
    refused(ask.post("/v1/audio/transcriptions"), 400)
    refused(ask.post("/v1/audio/transcriptions", json={"model": "whisper-1"}), 400)
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(ask.post("/v1/audio/transcriptions", content=b"--x\r\nnonsense", headers=broken), 400)
    refused(ask.post("/v1/audio/transcriptions", content=b"x", headers={"Content-Type": "multipart/form-data"}), 400)
