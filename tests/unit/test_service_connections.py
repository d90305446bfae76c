"""Connections on a real socket: small answers go out at once, and nobody holds one by not reading or not sending."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import httpx
import pytest

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from autoglm_desktop.server import connection, host
from autoglm_desktop.server.host import bind
from tests.helpers.services import OnSocket, chat, on_socket
from tests.unit.test_service_socket import CHAT, LIMIT_S, client_of, raw_request, wait_until

GET = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LARGE = GET % b"/openapi.json"


def scripted() -> ScriptedEngine:
    return ScriptedEngine([Reply("Yes.")])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "[::1]"])
def test_the_listening_socket_says_that_it_is_tcp(address: str) -> None:
    """asyncio lets small packets go at once on those alone."""
    with closing(bind(address, 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_small_answers_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    set_on: list[int] = []
    before = connection.Connection.connection_made

    def made(self: connection.Connection, transport: object) -> None:
        before(self, transport)  # type: ignore[arg-type]
        accepted = transport.get_extra_info("socket")  # type: ignore[attr-defined]
        set_on.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(connection.Connection, "connection_made", made)
    with on_socket(scripted(), Settings(service_host=address)) as service, client_of(service) as client:
        assert client.get("/health").status_code == 200
    assert set_on
    assert all(set_on)


def small(address: str, port: int) -> socket.socket:
    """A listener whose connections hold a few kB of what was not read."""
    listener = bind(address, port)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return listener


@contextmanager
def one_place(monkeypatch: pytest.MonkeyPatch, **limits: float) -> Iterator[tuple[OnSocket, socket.socket]]:
    """A service that works for a single connection, and a client that takes it; the system holds little between."""
    for name, value in limits.items():
        monkeypatch.setattr(connection.Connection, name, value)
    monkeypatch.setattr(connection.Connection, "max_connections", 1)
    monkeypatch.setattr(host, "bind", small)
    with on_socket(scripted()) as service, closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(LIMIT_S)
        client.connect(("127.0.0.1", service.port))
        yield service, client


def status_of_another(service: OnSocket) -> int:
    """503 while the one place is taken."""
    return httpx.get(f"{service.address}/v1/models", timeout=LIMIT_S).status_code


def send_until_refused(client: socket.socket, request: bytes) -> None:
    """Pipeline requests, reading nothing, until the other side ends it. Fails when it does not."""
    for _ in range(100_000):
        try:
            client.sendall(request)
        except TimeoutError:
            raise AssertionError("the connection is held") from None
        except OSError:
            return
    raise AssertionError("everything was taken")


@pytest.mark.parametrize(
    "request_", [LARGE, GET % b"/health", GET % b"/nothing", GET.replace(b"GET", b"HEAD") % b"/health"]
)
def test_a_client_that_pipelines_and_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch, request_: bytes) -> None:
    with one_place(monkeypatch, unread_within_s=0.3) as (service, client):
        send_until_refused(client, request_ * 50)
        wait_until(lambda: status_of_another(service) == 200)


def test_one_that_stops_asking_and_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is closed after a pause, but politely, which waits until everything was taken."""
    with one_place(monkeypatch, unread_within_s=0.3) as (service, client):
        client.settimeout(0.2)
        with suppress(TimeoutError):
            client.sendall(LARGE * 400)
        wait_until(lambda: status_of_another(service) == 200)


def test_one_that_reads_slowly_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    pause = threading.Event()
    with one_place(monkeypatch, unread_within_s=0.5) as (_, client):
        client.sendall(LARGE * 60)
        seen = bytearray()
        while seen.count(b"HTTP/1.1 200") < 60 or not seen.endswith(b"}"):
            data = client.recv(1 << 16)
            assert data, "it was cut off"
            seen += data
            pause.wait(0.002)


@pytest.mark.parametrize("path", [CHAT, "/health", "/v1/nothing"])
def test_a_body_a_byte_at_a_time_is_cut_off(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Also where nobody waits for the body, and after the refusal."""
    monkeypatch.setattr("autoglm_desktop.server.security.BODY_WITHIN_S", 0.3)
    with one_place(monkeypatch, headers_within_s=0.3) as (service, client):
        drip(client, raw_request(b"x" * 100_000, path=path))
        wait_until(lambda: status_of_another(service) == 200)


@pytest.mark.parametrize(
    "head", [b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: " + b"b" * 30_000, b"\r\n" * 20_000]
)
def test_headers_a_byte_at_a_time_are_cut_off(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    with one_place(monkeypatch, headers_within_s=0.3) as (service, client):
        drip(client, head)
        wait_until(lambda: status_of_another(service) == 200)


def drip(client: socket.socket, data: bytes) -> None:
    """Send a byte at a time until the other side has had enough; fails when it takes all of it."""
    pause = threading.Event()
    for at in range(len(data)):
        try:
            client.sendall(data[at : at + 1])
        except OSError:
            return
        pause.wait(0.001)
    raise AssertionError("it took everything")


def test_far_too_many_connections_are_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a file of the process; the next ones would be refused by the system, for everything."""
    monkeypatch.setattr(connection.Connection, "max_connections", 2)
    monkeypatch.setattr(connection, "REFUSED_AT_ONCE", 3)
    with on_socket(scripted()) as service, ExitStack() as opened:
        places = [("127.0.0.1", service.port)] * 5
        for place in places:
            opened.enter_context(closing(socket.create_connection(place, timeout=LIMIT_S)))
        with closing(socket.create_connection(places[0], timeout=LIMIT_S)) as sixth, suppress(ConnectionResetError):
            assert sixth.recv(1) == b""
        opened.close()
        wait_until(lambda: _answers(service))


def _answers(service: OnSocket) -> bool:
    with suppress(httpx.TransportError):
        return status_of_another(service) == 200
    return False


def test_a_stream_whose_client_never_reads_ends_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine([Reply("word " * 200_000)])
    monkeypatch.setattr(connection.Connection, "unread_within_s", 0.3)
    settings = Settings(max_tokens=32_768)
    with on_socket(engine, settings) as service, closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        client.sendall(raw_request(json.dumps(chat(stream=True, max_tokens=100_000)).encode()))
        wait_until(lambda: len(engine.requests) == 1)
        wait_until(lambda: service.assistant.completions.in_line == 0)
