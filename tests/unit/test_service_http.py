"""HTTP itself: methods, paths, types of bodies, forms of addresses."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.services import ALIAS, InProcess, OnSocket, chat, in_process, on_socket
from tests.unit.test_service_refusals import CHAT, RESPONSES, refused
from tests.unit.test_service_socket import LIMIT_S

KEY = {"X-Api-Key": "k"}
PAGES = ("/health", "/metrics", "/v1/models", f"/v1/models/{ALIAS}", "/v1/energy", "/openapi.json")


@pytest.fixture
def ask() -> Iterator[InProcess]:
    with in_process(ScriptedEngine([Reply("Yes.")])) as running:
        yield running


@pytest.fixture
def locked() -> Iterator[InProcess]:
    """For those with a key, who may do everything."""
    with in_process(ScriptedEngine([Reply("Yes.")]), api_key="k") as running:
        yield running


@pytest.fixture
def service() -> Iterator[OnSocket]:
    with on_socket(ScriptedEngine([Reply("Yes.")])) as running:
        yield running


@pytest.mark.parametrize("path", PAGES)
def test_head_is_answered_as_get_without_a_body(service: OnSocket, path: str) -> None:
    with httpx.Client(base_url=service.address, timeout=LIMIT_S) as client:
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert int(head.headers["content-length"]) > 0
        assert client.head(path).status_code == 200, "the connection can go on"


def test_head_of_what_is_not_there_is_refused_as_get_is(service: OnSocket) -> None:
    with httpx.Client(base_url=service.address, timeout=LIMIT_S) as client:
        assert [client.head(path).status_code for path in ("/nothing", CHAT)] == [404, 405]
        assert client.head(CHAT).headers["allow"] == "OPTIONS, POST"
    with on_socket(ScriptedEngine([Reply("Yes.")]), api_key="k") as locked:
        assert httpx.head(f"{locked.address}/v1/models").status_code == 401
        assert httpx.head(f"{locked.address}/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [*((path, "GET, HEAD, OPTIONS") for path in PAGES), (CHAT, "OPTIONS, POST"), (RESPONSES, "OPTIONS, POST"),
     ("/v1/audio/transcriptions", "OPTIONS, POST"), ("/v1/energy/phone", "OPTIONS, PUT")],
)  # fmt: skip
def test_a_path_says_which_methods_it_takes(ask: InProcess, path: str, allowed: str) -> None:
    for method in ("DELETE", "PATCH", "BREW"):
        answer = ask(method, path)
        error = refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed
        assert allowed in error["message"]
    answer = ask("OPTIONS", path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/nothing", "/v1/completions", "//health", "/%ff"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_an_unknown_path_is_a_404_that_names_it(ask: InProcess, method: str, path: str) -> None:
    error = refused(ask(method, path), 404)
    assert "/openapi.json" in error["message"] or "/v1/models" in error["message"]


@pytest.mark.parametrize("name", ["gpt-9", "org/model", "org%2Fmodel", "a/b/c", "%00", "x" * 3000])
def test_an_unknown_model_is_a_404_whatever_its_name_is(ask: InProcess, name: str) -> None:
    error = refused(ask.get(f"/v1/models/{name}"), 404, "model_not_found")
    assert len(error["message"]) < 300


SENT = json.dumps(chat()).encode()
TYPES = [
    None, "", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/octet-stream",
    "application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json", "text/json",
    "nonsense", "*/*",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("path", [CHAT, RESPONSES, "/v1/energy/phone"])
def test_json_is_taken_whatever_its_type_is_said_to_be(locked: InProcess, kind: str | None, path: str) -> None:
    bodies: dict[str, Any] = {CHAT: chat(), RESPONSES: {"model": ALIAS, "input": "Hi"}, "/v1/energy/phone": {}}
    headers = KEY if kind is None else KEY | {"Content-Type": kind}
    method = "PUT" if path.endswith("phone") else "POST"
    assert locked(method, path, content=json.dumps(bodies[path]), headers=headers).status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize(
    "browser", [{"Origin": "https://a.example"}, {"Origin": "http://127.0.0.1:8000"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_has_to_say_that_it_sends_json(kind: str | None, browser: dict[str, str]) -> None:
    """A request with one of these types is sent by browsers without asking first."""
    with in_process(ScriptedEngine([Reply("Yes.")]), Settings(service_cors_origins=("https://a.example",))) as ask:
        headers = browser if kind is None else browser | {"Content-Type": kind}
        error = refused(ask.post(CHAT, content=SENT, headers=headers), 415, "unsupported_media_type")
        assert "Content-Type: application/json" in error["message"]
        json_type = browser | {"Content-Type": "application/json"}
        assert ask.post(CHAT, content=SENT, headers=json_type).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("body", [b"model=x&prompt=y", b"{", b"--x--", b"Hello"])
def test_what_is_not_json_and_does_not_say_so_is_a_415_that_names_the_type(
    ask: InProcess, kind: str, body: bytes
) -> None:
    error = refused(ask.post(CHAT, content=body, headers={"Content-Type": kind}), 415, "unsupported_media_type")
    assert "Content-Type: application/json" in error["message"]


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "blanks": (b" \r\n ", "empty"),
    "a list": (b"[]", "object"),
    "a text": (b'"hello"', "object"),
    "a number": (b"7", "object"),
    "null": (b"null", "object"),
    "an open object": (b'{"model": ', "line 1, column 11"),
    "a comma too many": (b'{"model": "x",}', "line 1"),
    "single quotes": (b"{'model': 'x'}", "line 1"),
    "NaN": (b'{"temperature": NaN}', "NaN"),
    "Infinity": (b'{"temperature": -Infinity}', "-Infinity"),
    "no UTF-8": ('{"model": "中文"}'.encode("gbk"), "UTF-8"),
    "Latin-1": ('{"model": "é"}'.encode("latin-1"), "UTF-8"),
    "deep lists": (b'{"messages": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested"),
    "deep objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested"),
    "digits": (b'{"seed": ' + b"9" * 5000 + b"}", "digits"),
    "two objects": (b"{}{}", "line 1"),
    "zeros": (b"\0\0\0\0", "JSON"),
}


@pytest.mark.parametrize(("body", "words"), UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_a_body_that_cannot_be_read_says_why(ask: InProcess, path: str, body: bytes, words: str) -> None:
    error = refused(ask.post(path, content=body, headers={"Content-Type": "application/json"}), 400, "invalid_json")
    assert words in error["message"]
    assert "dictionary" not in error["message"]
    assert error["param"] is None


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_in_any_unicode_and_with_a_mark_before_it_is_read(ask: InProcess, coding: str) -> None:
    sent = json.dumps(chat("中文"), ensure_ascii=False).encode(coding)
    assert ask.post(CHAT, content=sent, headers={"Content-Type": "application/json"}).status_code == 200


def test_the_last_of_two_values_holds_and_whole_numbers_may_have_a_point(ask: InProcess) -> None:
    sent = SENT[:-1] + b', "max_tokens": -7, "max_tokens": 8.0, "temperature": 1, "top_k": 2e1}'
    assert ask.post(CHAT, content=sent).status_code == 200


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data"])
@pytest.mark.parametrize("body", [b"--x\r\nnonsense", b"\x00\xff", b"x" * 5000])
def test_a_form_that_cannot_be_read_says_what_belongs_in_it(ask: InProcess, kind: str, body: bytes) -> None:
    answer = ask.post("/v1/audio/transcriptions", content=body, headers={"Content-Type": kind})
    assert "file" in refused(answer, 400, "invalid_value")["message"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_a_compressed_body_is_refused_by_name(ask: InProcess, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = ask.post(CHAT, content=gzip.compress(SENT), headers=headers)
    error = refused(answer, 415, "unsupported_encoding")
    assert "Content-Encoding" in error["message"]
    assert answer.headers["accept-encoding"] == "identity"
    assert ask.post(CHAT, content=SENT, headers=headers | {"Content-Encoding": "identity"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:{port}", 200), ("LOCALHOST:{port}", 200), ("localhost.:{port}", 200), ("[::1]:{port}", 200),
     ("localhost", 200), ("127.0.0.1.:{port}", 200), ("evil.example", 421), ("", 421), ("localhost:99999999", 421),
     ("localhost,evil.example", 421)],
)  # fmt: skip
def test_hosts_as_clients_write_them(service: OnSocket, host: str, status: int) -> None:
    seen = _raw(service, f"GET /health HTTP/1.1\r\nHost: {host.format(port=service.port)}\r\nConnection: close\r\n\r\n")
    assert seen.startswith(b"HTTP/1.1 %d" % status), seen


def test_an_address_in_the_place_of_a_path_is_read_as_its_path(service: OnSocket) -> None:
    """As proxies send it; its host counts, and not that of the header."""
    target = f"http://127.0.0.1:{service.port}"
    end = "\r\nConnection: close\r\n\r\n"
    assert _raw(service, f"GET {target}/health HTTP/1.1\r\nHost: 127.0.0.1{end}").startswith(b"HTTP/1.1 200")
    assert _raw(service, f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1{end}").startswith(b"HTTP/1.1 404")
    evil = _raw(service, f"GET http://evil.example/health HTTP/1.1\r\nHost: 127.0.0.1{end}")
    assert evil.startswith(b"HTTP/1.1 421")


def test_http_1_0_is_answered_and_closed(service: OnSocket) -> None:
    assert _raw(service, "GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert _raw(service, "GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421"), "no Host, no answer"


def test_a_stream_over_http_1_0_ends_with_the_connection(service: OnSocket) -> None:
    body = json.dumps(chat(stream=True))
    seen = _raw(service, f"POST {CHAT} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert seen.endswith(b"data: [DONE]\n\n")


def test_a_client_that_waits_to_be_let_send_is_let(service: OnSocket) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nConnection: close\r\n"
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as client:
        client.sendall(f"{head}Content-Length: {len(SENT)}\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        client.sendall(SENT)
        assert _rest(client).startswith(b"HTTP/1.1 200")


def _raw(service: OnSocket, request: str) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as client:
        client.sendall(request.encode())
        return _rest(client)


def _rest(client: socket.socket) -> bytes:
    seen = b""
    while data := client.recv(65_536):
        seen += data
    return seen
