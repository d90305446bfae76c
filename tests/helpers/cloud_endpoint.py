"""An OpenAI-compatible endpoint on the loopback that answers, fails, stalls and breaks off as a test says."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

WAIT_S = 20.0
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 12},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


@dataclass(slots=True)
class Play:
    """How the next requests are answered.

    `hold_after`: send so many pieces, then wait for `released`. `break_after`: close the connection after so many.
    """

    pieces: Sequence[str] = ("From ", "far ", "away.")
    reasoning: Sequence[str] = ()
    finish: str | None = "stop"
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    hold_after: int | None = None
    break_after: int | None = None
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    raw: bytes | None = None
    """Sent instead of events."""


@dataclass(slots=True)
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class CloudEndpoint(http.server.ThreadingHTTPServer):
    """Plays `play`, or refuses whoever does not bring `key`; remembers what was `asked`."""

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.play = Play()
        self.key: str | None = None
        self.asked: list[Asked] = []
        self.held, self.released, self.gone = threading.Event(), threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in mid-answer is part of these tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = cast(CloudEndpoint, self.server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        play = server.play
        if server.key is not None and self.headers.get("Authorization") != f"Bearer {server.key}":
            said = {"error": {"message": f"Incorrect API key: {self.headers.get('Authorization')}"}}
            self._answer(401, json.dumps(said).encode(), "application/json", {})
        elif play.status != 200:
            self._answer(play.status, play.body, "application/json", play.headers)
        elif play.raw is not None:
            self._answer(200, play.raw, play.content_type, play.headers)
        else:
            self._stream(server, play)

    def do_GET(self) -> None:
        cast(CloudEndpoint, self.server).asked.append(Asked(self.path, dict(self.headers), {}))
        self._answer(200, b"{}", "application/json", {})

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, server: CloudEndpoint, play: Play) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", play.content_type)
        self.send_header("Connection", "close")
        self.end_headers()
        self._event({"role": "assistant"})
        deltas = [{"reasoning_content": text} for text in play.reasoning] + [{"content": text} for text in play.pieces]
        for number, delta in enumerate(deltas):
            if play.hold_after == number:
                self._hold(server)
            if play.break_after == number:
                return
            self._event(delta)
        if play.finish is not None:
            self._event({}, finish=play.finish)
            if play.usage is not None:
                self._write({"choices": [], "usage": play.usage})
            self.wfile.write(b"data: [DONE]\n\n")

    def _hold(self, server: CloudEndpoint) -> None:
        """Stand still until the test says so, or the client has gone."""
        server.held.set()
        self.connection.settimeout(0.02)
        while not server.released.is_set():
            try:
                gone = self.connection.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                gone = True
            if gone:
                server.gone.set()
                return
        self.connection.settimeout(None)

    def _event(self, delta: dict[str, str], finish: str | None = None) -> None:
        self._write({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None})

    def _write(self, event: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the requests are remembered by the server."""


@contextmanager
def cloud_endpoint() -> Iterator[CloudEndpoint]:
    """A running endpoint; stopped and joined at the end."""
    server = CloudEndpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="cloud-endpoint")
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


@dataclass(slots=True)
class Turns:
    """A sink that keeps the events and can be waited on."""

    events: list[Any] = field(default_factory=list)
    _change: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, event: Any) -> None:
        with self._change:
            self.events.append(event)
            self._change.notify_all()

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if event.kind == "text")

    def wait_last(self, timeout_s: float = 10.0) -> Any:
        """The last event of the turn."""
        with self._change:
            assert self._change.wait_for(self._over, timeout_s), self.events
        return self.events[-1]

    def wait_for(self, kind: str, timeout_s: float = 10.0) -> None:
        with self._change:
            assert self._change.wait_for(lambda: any(event.kind == kind for event in self.events), timeout_s)

    def _over(self) -> bool:
        return bool(self.events) and self.events[-1].kind in ("finished", "failed")
