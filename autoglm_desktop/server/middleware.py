"""ASGI middlewares for every route: forms of requests that routes do not know, and failures that nobody expected."""

from __future__ import annotations

import logging
from urllib.parse import quote, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Refusal

log = logging.getLogger(__name__)


class AnswerHead:
    """Answers HEAD as the routes answer GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


class ReadTarget:
    """Takes a whole address in the place of the path apart, as proxies send it; its host counts, not the header's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].lower().startswith(("http://", "https://")):
            target = urlsplit(scope["path"])
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            headers = [*others, (b"host", target.netloc.encode())]
            path = target.path or "/"
            scope = {**scope, "path": path, "raw_path": quote(path).encode(), "headers": headers}
        await self._app(scope, receive, send)


class CatchUnexpected:
    """Answers 500 where the application raises. It stands inside of CORS and of the counters: they see this answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if started:  # the server cuts the connection: nothing else can tell the client
                raise
            log.exception("a request failed")
            refusal = Refusal(500, "The service failed; its log has the reason.", "internal_error")
            await refusal.response()(scope, receive, send)
