"""Server-sent events with a client that may stop reading: a bound to how long one write waits."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

log = logging.getLogger(__name__)

WRITE_WITHIN_S = 30.0
"""A client that takes nothing for so long is cut off."""
KEEP_ALIVE_S = 15.0
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": working\n\n"


class EventStream(Response):
    """Sends what `events` yields; `events` and then `closing` are closed whatever happens, also before the first."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        *,
        closing: AsyncExitStack | None = None,
        headers: Mapping[str, str] | None = None,
        write_within_s: float | None = None,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._events, self._closing = events, closing or AsyncExitStack()
        self._write_within_s = write_within_s or WRITE_WITHIN_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        async def write(message: Message) -> None:
            async with asyncio.timeout(self._write_within_s):
                await send(message)

        async with self._closing, aclosing(self._events):
            try:
                await write({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for data in self._events:
                    await write({"type": "http.response.body", "body": data, "more_body": True})
                await write({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                log.info("a client does not read: its answer ends")
                self._cut(scope)

    def _cut(self, scope: Scope) -> None:
        connection = scope.get("state", {}).get("connection")
        if connection is not None:
            connection.abort()


def event(data: Mapping[str, object], name: str | None = None) -> bytes:
    """One event."""
    line = b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    return line if name is None else f"event: {name}\n".encode() + line


def waiting(ahead: int) -> bytes:
    """A comment that tells the place in the queue; clients skip comments."""
    return f": queued, {ahead} ahead\n\n".encode()
