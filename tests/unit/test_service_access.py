"""Who may ask: keys in the headers that clients use, pages of other origins and what browsers need of the answers."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from autoglm_desktop.server import security
from autoglm_desktop.server.desk import Desk
from autoglm_desktop.server.errors import Refused
from autoglm_desktop.server.host import ServiceHost, ServiceState
from tests.helpers.assistants import assistant_over
from tests.helpers.services import InProcess, chat, in_process, on_socket
from tests.unit.test_service_refusals import CHAT, refused

PAGE = "https://a.example"
SETTINGS = Settings(service_cors_origins=(PAGE, "https://b.example/"), service_max_body_bytes=2000)


def scripted() -> ScriptedEngine:
    return ScriptedEngine([Reply("Yes.")])


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer secret"}, {"authorization": "bearer   secret "}, {"Authorization": "BEARER\tsecret"},
        {"X-Api-Key": "secret"}, {"x-api-key": "  secret "}, {"api-key": "secret"},
        {"Authorization": "Bearer EMPTY", "X-Api-Key": "secret"}, {"Authorization": "Bearer secret", "X-Api-Key": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_a_key_is_taken_from_the_headers_that_clients_use(headers: dict[str, str]) -> None:
    with in_process(scripted(), api_key="secret") as ask:
        assert ask.get("/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {b"X-Api-Key": b"wrong"}, {b"X-Api-Key": b""}, {b"X-Api-Key": b"Bearer secret"}, {b"X-Api-Key": b"\xff\xfe"},
        {b"Api-Key": "密".encode()}, {b"Authorization": b"Basic c2VjcmV0"}, {b"Authorization": b"Bearer \xff"},
        {b"Cookie": b"x-api-key=secret"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_key_in_any_of_them_is_a_401(headers: dict[bytes, bytes]) -> None:
    with in_process(scripted(), api_key="secret") as ask:
        answer = ask.get("/v1/models", headers=headers)
        error = refused(answer, 401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "X-Api-Key" in error["message"]
        assert ask.get("/v1/models?api_key=secret&key=secret").status_code == 401, "addresses stand in logs"


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(sent: bytes, wanted: bytes) -> bool:
        compared.append((sent, wanted))
        return hmac.compare_digest(sent, wanted)

    monkeypatch.setattr(security, "compare_digest", compare)
    with in_process(scripted(), api_key="secret") as ask:
        ask.get("/v1/models", headers={"Authorization": "Bearer nope", "X-Api-Key": "neither"})
    assert compared == [(b"nope", b"secret"), (b"neither", b"secret")]


KEY, JSON = {"Authorization": "Bearer k"}, {"Content-Type": "application/json"}
FAILING: dict[int, Callable[[InProcess, dict[str, str]], httpx.Response]] = {
    400: lambda ask, page: ask.post(CHAT, content=b"{", headers=page | KEY | JSON),
    401: lambda ask, page: ask.get("/v1/models", headers=page),
    404: lambda ask, page: ask.get("/nothing", headers=page | KEY),
    405: lambda ask, page: ask("DELETE", "/v1/models", headers=page | KEY),
    413: lambda ask, page: ask.post(CHAT, json=chat("x" * 3000), headers=page | KEY),
    421: lambda ask, page: ask.get("/v1/models", headers=page | KEY | {"Host": "evil.example"}),
    429: lambda ask, page: ask.post(CHAT, json=chat(), headers=page | KEY),
    500: lambda ask, page: ask.get("/v1/energy", headers=page | KEY),
}


def _fails(*_: object) -> None:
    raise RuntimeError("unexpected")


def _full(_: object) -> None:
    raise Refused(429, "Full.", "queue_full")


@pytest.mark.parametrize("status", FAILING)
@pytest.mark.parametrize("origin", [PAGE, "https://b.example"])
def test_a_page_that_may_ask_can_read_every_refusal(monkeypatch: pytest.MonkeyPatch, status: int, origin: str) -> None:
    monkeypatch.setattr(Desk, "place", _full)
    monkeypatch.setattr("autoglm_desktop.server.app.energy_page", _fails)
    with in_process(scripted(), SETTINGS, api_key="k") as ask:
        answer = FAILING[status](ask, {"Origin": origin})
        refused(answer, status)
        assert answer.headers["access-control-allow-origin"] == origin
        assert "origin" in answer.headers["vary"].lower()
        exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert {"retry-after", "x-queue-position", "x-request-id", "x-images-unread", "www-authenticate"} <= exposed


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://a.example.evil", "http://a.example"])
def test_other_pages_get_no_word_that_a_browser_lets_them_read(method: str, origin: str) -> None:
    with in_process(scripted(), SETTINGS, api_key="k") as ask:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Authorization": "Bearer k"}
        answer = ask(method, "/v1/models", headers=headers)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control-allow")]


def preflight(ask: InProcess, **more: str) -> httpx.Response:
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    return ask("OPTIONS", CHAT, headers=headers | {name.replace("_", "-"): value for name, value in more.items()})


def test_a_preflight_needs_no_key_and_allows_what_clients_send() -> None:
    wanted = "authorization, content-type, x-api-key, x-stainless-os, x-stainless-runtime-version"
    with in_process(scripted(), SETTINGS, api_key="k") as ask:
        answer = preflight(ask, Access_Control_Request_Headers=wanted)
        assert answer.status_code in (200, 204)
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-allow-headers"] == wanted
        assert {"GET", "POST", "PUT"} <= set(answer.headers["access-control-allow-methods"].split(", "))
        assert "access-control-allow-private-network" not in answer.headers


def test_a_preflight_into_a_private_network_is_allowed_to_named_origins_alone() -> None:
    with in_process(scripted(), SETTINGS) as ask:
        answer = preflight(ask, Access_Control_Request_Private_Network="true")
        assert answer.status_code in (200, 204)
        assert answer.headers["access-control-allow-private-network"] == "true"
        evil = preflight(ask, Access_Control_Request_Private_Network="true", Origin="https://evil.example")
        refused(evil, 403, "wrong_origin")
        assert "access-control-allow-private-network" not in evil.headers


def test_a_preflight_to_a_name_that_was_pointed_here_is_refused() -> None:
    with in_process(scripted(), SETTINGS) as ask:
        refused(preflight(ask, Host="evil.example"), 421, "wrong_host")


def test_a_preflight_for_a_method_that_there_is_not_says_so() -> None:
    with in_process(scripted(), SETTINGS) as ask:
        error = refused(preflight(ask, Access_Control_Request_Method="DELETE"), 403, "wrong_method")
        assert "POST" in error["message"]


def test_without_origins_in_the_settings_no_answer_has_cors_headers() -> None:
    with in_process(scripted()) as ask:
        same: dict[str, Any] = {"Origin": "http://127.0.0.1:8000", "Content-Type": "application/json"}
        answer = ask.post(CHAT, json=chat(), headers=same)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_star_opens_nothing() -> None:
    with in_process(scripted(), Settings(service_cors_origins=("*",))) as ask:
        answer = ask.post(CHAT, json=chat(), headers={"Origin": "https://evil.example"})
        refused(answer, 403, "wrong_origin")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("key", ["", " ", "\t ", "a\nb", "\x00", "密钥", "\u00a0"], ids=ascii)
def test_a_service_whose_key_nobody_could_send_does_not_start(key: str) -> None:
    with assistant_over(scripted()) as (assistant, _):
        host = ServiceHost(assistant, Settings(service_port=0), api_key=key)
        with pytest.raises(AppError, match="key") as raised:
            host.start()
        assert raised.value.report.code is ErrorCode.BAD_INPUT
        assert host.status.state is ServiceState.OFF


def test_blanks_around_a_key_are_not_part_of_it() -> None:
    with on_socket(scripted(), api_key=" secret\n") as service:
        url = f"{service.address}/v1/models"
        assert httpx.get(url, headers={"Authorization": "Bearer secret"}).status_code == 200
        assert httpx.get(url).status_code == 401
