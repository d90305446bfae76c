"""The service on a real socket: order, cancellation, clients that misbehave, start and stop."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager

import httpx
import psutil
import pytest
from starlette.types import Message

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine
from autoglm_desktop.server import connection, live, streaming
from autoglm_desktop.server.host import ServiceHost, ServiceState
from autoglm_desktop.server.streaming import EventStream
from tests.helpers.assistants import assistant_over
from tests.helpers.services import OnSocket, chat, events_of, on_socket, text_of

CHAT = "/v1/chat/completions"
LIMIT_S = 20.0
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested is that it needs a key


def wait_until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Poll a condition that another thread makes true."""
    until_s = time.monotonic() + limit_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until_s, "it did not happen in time"
        pause.wait(0.01)


@contextmanager
def client_of(service: OnSocket) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.address, timeout=LIMIT_S) as client:
        yield client


def holding(count: int = 1) -> tuple[ScriptedEngine, Hold]:
    """The first answer waits after two words."""
    hold = Hold()
    replies = [Reply("one two three four five", hold=hold, hold_after=3), *[Reply("next")] * count]
    return ScriptedEngine(replies), hold


def raw_request(body: bytes, *, path: str = CHAT, extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_words_arrive_while_the_answer_is_made() -> None:
    engine, hold = holding()
    with on_socket(engine) as service, client_of(service) as client:
        with client.stream("POST", CHAT, json=chat(stream=True)) as answer:
            assert answer.status_code == 200
            seen, released = "", False
            for piece in answer.iter_text():
                seen += piece
                if "two" in seen and not released:
                    assert "three" not in seen
                    released = True
                    hold.release()
        assert text_of(events_of(seen)) == "one two three four five"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_its_turn(stream: bool) -> None:
    engine, hold = holding()
    with on_socket(engine) as service:
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as client:
            client.sendall(raw_request(json.dumps(chat(stream=stream)).encode()))
            assert hold.reached.wait(LIMIT_S)
            assert service.assistant.completions.in_line == 1
        wait_until(lambda: service.assistant.completions.in_line == 0)
        with client_of(service) as other:  # the hold was not released: only the cancellation went past it
            assert other.post(CHAT, json=chat()).json()["choices"][0]["message"]["content"] == "next"
            assert 'autoglm_answers_total{end="client_gone"} 1.0' in other.get("/metrics").text


def test_clients_are_answered_in_order_and_told_their_place() -> None:
    hold = Hold()
    engine = ScriptedEngine([Reply("first", hold=hold), Reply("second"), Reply("third")])
    with on_socket(engine) as service, client_of(service) as client, ThreadPoolExecutor(3) as pool:
        jobs = []
        for number in range(3):
            jobs.append(pool.submit(client.post, CHAT, json=chat(f"question {number}", stream=True)))
            wait_until(lambda n=number: service.assistant.completions.in_line == n + 1)  # type: ignore[misc]
        assert hold.reached.wait(LIMIT_S)
        hold.release()
        answers = [job.result(LIMIT_S) for job in jobs]
    assert [request.messages[-1].text for request in engine.requests] == [f"question {n}" for n in range(3)]
    assert [text_of(events_of(answer.text)) for answer in answers] == ["first", "second", "third"]
    assert [answer.headers["X-Queue-Position"] for answer in answers] == ["0", "1", "2"]
    assert answers[2].text.startswith(": queued, 2 ahead\n\n")
    assert ": queued, 1 ahead\n\n" in answers[2].text


def test_more_than_may_wait_are_told_when_to_come_back() -> None:
    hold = Hold()
    engine = ScriptedEngine([Reply("done", hold=hold)])
    with on_socket(engine, Settings(service_max_waiting=2)) as service, client_of(service) as client:
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(client.post, CHAT, json=chat()) for _ in range(3)]
            wait_until(lambda: service.assistant.completions.in_line == 3)
            late = client.post(CHAT, json=chat())
            assert client.get("/health").status_code == 200
            hold.release()
            assert [job.result(LIMIT_S).status_code for job in jobs] == [200] * 3
        assert late.status_code == 429
        assert int(late.headers["Retry-After"]) > 0
        assert late.json()["error"]["type"] == "rate_limit_error"
        assert client.post(CHAT, json=chat()).status_code == 200


def test_fifty_at_once_are_answered_or_refused_in_bounded_memory() -> None:
    engine = ScriptedEngine([Reply("word " * 50)])
    with on_socket(engine, Settings(service_max_waiting=10)) as service:
        limits = httpx.Limits(max_connections=60)
        with httpx.Client(base_url=service.address, timeout=LIMIT_S, limits=limits) as client:
            assert client.post(CHAT, json=chat()).status_code == 200
            before_bytes, first = psutil.Process().memory_info().rss, len(engine.requests)
            with ThreadPoolExecutor(50) as pool:
                asked = [pool.submit(client.post, CHAT, json=chat(f"q{n}", stream=n % 2 == 0)) for n in range(50)]
                answers = [job.result(LIMIT_S) for job in asked]
            assert {answer.status_code for answer in answers} <= {200, 429}
            whole = [answer for answer in answers if answer.status_code == 200]
            assert len(whole) >= 11
            assert all("word" in answer.text for answer in whole)
            assert len(engine.requests) - first == len(whole)
            assert psutil.Process().memory_info().rss - before_bytes < 64 << 20, "both sides of 50 connections"
            assert service.assistant.completions.in_line == 0
            assert client.post(CHAT, json=chat()).status_code == 200


def test_an_answer_that_takes_too_long_is_ended() -> None:
    engine, hold = holding()
    with on_socket(engine, Settings(service_request_timeout_s=1.0)) as service, client_of(service) as client:
        whole = client.post(CHAT, json=chat())
        assert whole.status_code == 504
        assert whole.json()["error"]["code"] == "timeout"
        assert hold.reached.is_set()
        assert service.assistant.completions.in_line == 0
        assert client.post(CHAT, json=chat()).status_code == 200


def test_a_client_that_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "WRITE_WITHIN_S", 0.3)
    monkeypatch.setattr(live, "MAX_BUFFERED", 500)
    engine = ScriptedEngine(lambda request: Reply("word " * (200_000 if request.messages[-1].text == "long" else 1)))
    settings = Settings(max_tokens=32_768)
    with on_socket(engine, settings) as service, closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", service.port))
        client.sendall(raw_request(json.dumps(chat("long", stream=True, max_tokens=100_000)).encode()))
        wait_until(lambda: len(engine.requests) == 1)
        wait_until(lambda: service.assistant.completions.in_line == 0)
        with client_of(service) as other:
            assert other.post(CHAT, json=chat()).status_code == 200
            wait_until(lambda: 'autoglm_answers_total{end="client_gone"} 1.0' in other.get("/metrics").text)


def test_headers_a_byte_at_a_time_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.Connection, "headers_within_s", 0.3)
    with on_socket(ScriptedEngine([Reply("Yes.")])) as service:
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b")
            seen = _read_all(client)
        assert seen.startswith(b"HTTP/1.1 408")
        assert json.loads(seen.partition(b"\r\n\r\n")[2])["error"]["code"] == "timeout"
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as silent:
            assert _read_all(silent).startswith(b"HTTP/1.1 408")
        with client_of(service) as other:
            assert other.get("/health").status_code == 200


def test_more_connections_than_are_served_are_told_in_openais_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.Connection, "max_connections", 2)
    with on_socket(ScriptedEngine([Reply("Yes.")])) as service, ExitStack() as silent, client_of(service) as client:
        for _ in range(2):
            silent.enter_context(closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)))
        wait_until(lambda: client.get("/v1/models").status_code == 503)
        crowded = client.get("/v1/models")
        assert crowded.json()["error"]["code"] == "too_many_connections"
        assert int(crowded.headers["Retry-After"]) > 0
        silent.close()
        wait_until(lambda: client.get("/v1/models").status_code == 200)


def test_what_the_service_did_not_expect_is_a_500_that_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr("autoglm_desktop.server.app.energy_page", fails)
    with on_socket(ScriptedEngine([Reply("Yes.")])) as service, client_of(service) as client:
        answer = client.get("/v1/energy")
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal_error"
        assert 'autoglm_http_requests_total{route="/v1/energy",status="500"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("stuck_at", [0, 1])
def test_a_stream_gives_its_place_back_whenever_its_client_stops_reading(stuck_at: int) -> None:
    """Also before its first event: a generator that never began has nothing that could be closed."""
    given_back: list[str] = []

    async def events() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"

    async def stream() -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            if len(sent) == stuck_at:
                await asyncio.Event().wait()
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError("nothing is to be read")

        place = AsyncExitStack()
        place.callback(given_back.append, "place")
        await EventStream(events(), closing=place, write_within_s=0.05)({"type": "http"}, receive, send)

    asyncio.run(stream())
    assert given_back == ["place"]


def test_a_body_that_does_not_come_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoglm_desktop.server.security.BODY_WITHIN_S", 0.3)
    with on_socket(ScriptedEngine([Reply("Yes.")])) as service:
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as client:
            client.sendall(raw_request(b"x" * 1000)[:-500])
            seen = client.recv(65_536)
        assert seen.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /health HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000],
    ids=["nonsense", "two hosts", "no host", "huge headers"],
)  # fmt: skip
def test_what_is_not_http_is_refused_in_openais_shape(sent: bytes) -> None:
    with on_socket(ScriptedEngine([Reply("Yes.")])) as service:
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=LIMIT_S)) as client:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            seen = _read_all(client)
        assert seen[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 421"}, seen
        assert set(json.loads(seen.partition(b"\r\n\r\n")[2])["error"]) == {"message", "type", "param", "code"}
        with client_of(service) as other:
            assert other.get("/health").status_code == 200


def test_it_starts_and_stops_again_and_again_and_says_so() -> None:
    with assistant_over(ScriptedEngine([Reply("Yes.")]), settings=Settings(service_port=0)) as (assistant, _):
        host = ServiceHost(assistant)
        states: list[ServiceState] = []
        end = host.watch(lambda status: states.append(status.state))
        for _ in range(3):
            host.start()
            host.start()
            assert host.wait_running().state is ServiceState.RUNNING
            assert httpx.get(f"{host.address}/health").status_code == 200
            host.stop()
            host.stop()
            assert host.address is None
        end()
        assert states == [ServiceState.STARTING, ServiceState.RUNNING, ServiceState.STOPPING, ServiceState.OFF] * 3


def test_stopping_ends_answers_that_run_and_wait() -> None:
    engine, hold = holding()
    with on_socket(engine) as service, client_of(service) as client, ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(client.post, CHAT, json=chat(stream=stream)) for stream in (True, False)]
        assert hold.reached.wait(LIMIT_S)
        wait_until(lambda: service.assistant.completions.in_line == 2)
        service.host.stop()
        answers = [job.result(LIMIT_S) for job in jobs]
    bodies = [events_of(a.text)[-1] if a.status_code == 200 else a.json() for a in answers]
    assert [body["error"]["code"] for body in bodies] == ["closing"] * 2


def test_a_port_in_use_is_said_where_the_switch_is() -> None:
    with on_socket(ScriptedEngine([Reply("Yes.")])) as service:
        other = ServiceHost(service.assistant, Settings(service_port=service.port))
        with pytest.raises(AppError, match=f"Port {service.port}") as raised:
            other.start()
        assert raised.value.report.code is ErrorCode.BUSY
        assert other.status.state is ServiceState.OFF


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "example.com"])
def test_beyond_this_computer_a_key_is_required(host: str) -> None:
    with assistant_over(ScriptedEngine([Reply("Yes.")])) as (assistant, _):
        with pytest.raises(AppError, match="API key") as raised:
            ServiceHost(assistant, Settings(service_host=host, service_port=0)).start()
        assert raised.value.report.code is ErrorCode.BAD_INPUT


def test_with_a_key_it_may_listen_everywhere_and_asks_for_it() -> None:
    with assistant_over(ScriptedEngine([Reply("Yes.")])) as (assistant, _):
        host = ServiceHost(assistant, Settings(service_host=EVERYWHERE, service_port=0), api_key="secret")
        host.start()
        try:
            port = int((host.wait_running().address or "").rpartition(":")[2])
            url = f"http://127.0.0.1:{port}/v1/models"
            assert httpx.get(url).status_code == 401
            assert httpx.get(url, headers={"Authorization": "Bearer secret"}).status_code == 200
            assert httpx.get(url, headers={"Authorization": "Bearer secret", "Host": "evil.example"}).status_code == 421
        finally:
            host.stop()


def test_an_address_of_another_computer_is_refused() -> None:
    with assistant_over(ScriptedEngine([Reply("Yes.")])) as (assistant, _):
        host = ServiceHost(assistant, Settings(service_host="192.0.2.1", service_port=0), api_key="k")
        with pytest.raises(AppError, match="cannot listen"):
            host.start()


def _read_all(client: socket.socket) -> bytes:
    seen = b""
    while data := client.recv(65_536):
        seen += data
    return seen
