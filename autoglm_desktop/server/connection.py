"""uvicorn's HTTP/1.1 connection with what it leaves out: limits to slow headers and to clients that do not read.

uvicorn starts its only timer after a response; a client that sends its headers a byte a minute would hold a connection
for ever. A client that does not read holds one too: what was written waits, and so does a polite close.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEADERS_WITHIN_S = 10.0
UNREAD_WITHIN_S = 30.0
"""A client that takes nothing of what waits for it for so long is cut off."""
REFUSED_AT_ONCE = 100
"""So many connections beyond `max_connections` are told why; further ones are closed: each takes a file."""
LINGER_S = 2.0
"""So long a client that was refused has time to read it and to end."""
MAX_HEADER_BYTES = 32 << 10


class Connection(H11Protocol):
    """One connection. Requests find it in their scope: ``scope["state"]["connection"]``."""

    headers_within_s = HEADERS_WITHIN_S
    unread_within_s = UNREAD_WITHIN_S
    max_connections = 400

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "connection": self}, _loop)
        self._header_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._refused = False

    @property
    def crowded(self) -> bool:
        """Whether there are more connections than the service works for."""
        return len(self.connections) > self.max_connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so `pause_writing` says that something waits, however little
        self._expect_headers()
        if len(self.connections) > self.max_connections + REFUSED_AT_ONCE:
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._refused:  # read to the end: closing over what was not read would take the answer along
            return
        if self._between_requests():
            self._expect_headers()
        super().data_received(data)
        if not self._between_requests():
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._all_is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The system takes no more: the client does not read as fast as it is answered."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """The system has taken everything."""
        super().resume_writing()
        self._all_is_read()

    def abort(self) -> None:
        """End the connection now; what was not sent yet is lost."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP is answered in the shape of every other error."""
        self._refuse(400, msg, "invalid_http")

    def _expect_reading(self) -> None:
        waits_bytes = self.transport.get_write_buffer_size()
        self._unread_timer = self.loop.call_later(self.unread_within_s, self._look_for_reading, waits_bytes)

    def _look_for_reading(self, waited_bytes: int) -> None:
        if self.transport.get_write_buffer_size() < waited_bytes:
            self._expect_reading()
        else:
            self.abort()

    def _all_is_read(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr] # None at first

    def _expect_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.headers_within_s, self._headers_are_late)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _headers_are_late(self) -> None:
        self._header_timer = None
        if self._between_requests() and not self.transport.is_closing():
            self._refuse(408, "The headers of the request took too long.", "timeout")

    def _refuse(self, status: int, message: str, code: str) -> None:
        body = json.dumps(
            {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
        ).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        events = (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        try:
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
            self.transport.write_eof()
        except h11.LocalProtocolError:  # it is in the middle of a response: there is no place for another
            self.transport.abort()
            return
        self._refused = True
        self._stop_timer()
        self._header_timer = self.loop.call_later(LINGER_S, self.abort)
