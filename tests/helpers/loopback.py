"""A small HTTP server on the loopback that can be slow, cut connections and serve ranges, as servers do."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

WAIT_S = 20.0


@dataclass(slots=True)
class Page:
    """What a path answers.

    `refuse_first`: answer so many requests with 403. `cut_after`: close the connection after so many bytes, once.
    `hold_after`: send so many, then wait for `released`. `headers` win over the right ones; an empty one is left out.
    `endless`: go on sending until the client goes away or `released`; `drip`: a byte now and then, the same way.
    """

    body: bytes
    status: int = 200
    ranges: bool = True
    refuse_first: int = 0
    cut_after: int | None = None
    hold_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False
    drip: bool = False
    sent_bytes: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Request:
    path: str
    range: str | None


class Loopback(http.server.ThreadingHTTPServer):
    """Serves `pages` and remembers the `requests`."""

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {}
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in mid-answer is part of these tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = cast(Loopback, self.server)
        path = urlsplit(self.path).path  # a client that takes this server for its proxy asks by full address
        wanted = self.headers.get("Range")
        server.requests.append(Request(path, wanted))
        page = server.pages.get(path)
        if page is not None and page.refuse_first:
            page.refuse_first -= 1
            self.send_error(403)
            return
        if page is None or page.status != 200:
            self.send_error(page.status if page else 404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and page.ranges else 0
        if start and start >= len(page.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        headers = {"Content-Length": str(len(page.body) - start)} | page.headers
        if start:
            headers.setdefault("Content-Range", f"bytes {start}-{len(page.body) - 1}/{len(page.body)}")
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
        self.end_headers()
        self._send(page, start)

    def _send(self, page: Page, start: int) -> None:
        if page.cut_after is not None:
            end, page.cut_after = start + page.cut_after, None
            self.wfile.write(page.body[start:end])
            return
        if page.hold_after is not None:
            middle = start + page.hold_after
            self.wfile.write(page.body[start:middle])
            self.wfile.flush()
            page.held.set()
            assert page.released.wait(WAIT_S)
            start = middle
        while page.drip and not page.released.wait(0.05):
            self.wfile.write(b"x")
        self.wfile.write(page.body[start:])
        while page.endless and not page.released.is_set():
            self.wfile.write(bytes(1 << 16))
            page.sent_bytes += 1 << 16

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the requests are remembered by the server."""


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A running server; stopped and joined at the end."""
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="loopback")
    thread.start()
    try:
        yield server
    finally:
        for page in server.pages.values():
            page.released.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)
