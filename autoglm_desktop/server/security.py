"""Who may ask: Host and Origin (DNS rebinding), the API key, the size and the pace of bodies.

A page of the web that a user visits must not reach this service: browsers name the page in ``Origin``, and a name that
was pointed at 127.0.0.1 (rebinding) stands in ``Host``. A number is not a name and cannot be rebound.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Refusal, Refused
from .host import is_loopback

log = logging.getLogger(__name__)

BODY_WITHIN_S = 60.0
OPEN_PATHS = ("/health",)
"""Readable without a key: they tell nothing but that the service lives."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`names` are hosts by which clients may call; `origins` pages that may use it; `budget_bytes` of all bodies."""

    names: frozenset[str]
    loopback_only: bool
    origins: frozenset[str]
    api_key: str | None
    max_body_bytes: int
    budget_bytes: int
    body_within_s: float


def rules_for(
    host: str,
    *,
    api_key: str | None,
    allowed_hosts: Iterable[str],
    origins: Iterable[str],
    max_body_bytes: int,
) -> Rules:
    """The rules of a service that listens at `host`."""
    names = {"localhost", *(name.lower() for name in allowed_hosts)}
    local = is_loopback(host)
    if not local:
        names |= {host.strip("[]").lower(), socket.gethostname().lower()}
    return Rules(
        frozenset(names),
        local,
        _named(origins),
        api_key,
        max_body_bytes,
        budget_bytes=4 * max_body_bytes,
        body_within_s=BODY_WITHIN_S,
    )


def _named(origins: Iterable[str]) -> frozenset[str]:
    """As browsers write them. A ``*`` would open this computer to every page that its user visits."""
    written = frozenset(origin.strip().rstrip("/").lower() for origin in origins)
    if "*" in written:
        log.warning("service_cors_origins: * is left out; name each page that may use the service")
    return written - {"*"}


class Guard:
    """ASGI middleware: refuses before anything of the application sees the request."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        body = _Body(self, receive)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._held_bytes -= body.taken_bytes

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        connection = scope.get("state", {}).get("connection")
        if connection is not None and connection.crowded:
            return Refusal(503, "There are too many connections; try again in a moment.", "too_many_connections")
        if (wrong := address_refusal(headers, self._rules)) is not None:
            return wrong
        if scope["path"] not in OPEN_PATHS and not self._key_fits(headers):
            return Refusal(
                401, "The API key is missing or wrong: send Authorization: Bearer, or X-Api-Key.", "invalid_api_key"
            )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._rules.max_body_bytes:
            return self.too_large()
        return None

    def _key_fits(self, headers: Headers) -> bool:
        wanted = self._rules.api_key
        if not wanted:
            return True
        sent = [found.encode("latin-1") for found in _keys(headers)]  # the bytes as they came
        return any(compare_digest(key, wanted.encode()) for key in sent)

    def too_large(self) -> Refusal:
        limit = self._rules.max_body_bytes
        return Refusal(413, f"The body is larger than the {limit} bytes that this service takes.", "body_too_large")

    def take(self, count: int, taken_bytes: int) -> None:
        """Count `count` more bytes of a body that has `taken_bytes` of them then. Raises Refused: 413, 429."""
        self._held_bytes += count
        if taken_bytes > self._rules.max_body_bytes:
            raise _raise(self.too_large())
        if self._held_bytes > self._rules.budget_bytes:
            raise Refused(429, "Too many large requests at once.", "too_many_bytes")

    @property
    def body_within_s(self) -> float:
        return self._rules.body_within_s


class _Body:
    """Counts and times the body of one request while it is received."""

    def __init__(self, guard: Guard, receive: Receive) -> None:
        self._guard, self._receive = guard, receive
        self._until_s = asyncio.get_running_loop().time() + guard.body_within_s
        self._whole = False
        self.taken_bytes = 0

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until_s):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, "The body of the request took too long.", "timeout") from None
        count = len(message.get("body", b""))
        self.taken_bytes += count
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        self._guard.take(count, self.taken_bytes)
        return message


def address_refusal(headers: Headers, rules: Rules) -> Refusal | None:
    """What Host and Origin alone forbid, with or without a key."""
    if not host_allowed(headers.getlist("host"), rules):
        return Refusal(421, "This service does not answer to that Host.", "wrong_host")
    if not origin_allowed(headers.get("origin"), headers["host"], rules):
        return Refusal(403, "Pages of that origin may not use this service.", "wrong_origin")
    return None


def host_allowed(hosts: list[str], rules: Rules) -> bool:
    """Exactly one Host, which is a number of this computer or one of the names."""
    if len(hosts) != 1:
        return False
    name = _host_name(hosts[0])
    if name is None:
        return False
    try:
        number = ipaddress.ip_address(name)
    except ValueError:
        return name in rules.names
    return number.is_loopback or not rules.loopback_only or name in rules.names


def origin_allowed(origin: str | None, host: str, rules: Rules) -> bool:
    """No page at all, one served by this very service, or one that the settings name."""
    if origin is None or origin in rules.origins:
        return True
    parts = urlsplit(origin)
    return parts.scheme == "http" and parts.netloc.lower() == host.lower()


def _keys(headers: Headers) -> Iterator[str]:
    """The keys of a request: OpenAI's header, Anthropic's and Azure's."""
    for value in headers.getlist("authorization"):
        scheme, _, key = value.strip().replace("\t", " ").partition(" ")
        if scheme.lower() == "bearer":
            yield key.strip()
    for name in ("x-api-key", "api-key"):
        yield from (value.strip() for value in headers.getlist(name))


def _host_name(value: str) -> str | None:
    """The name or number of a Host header without its port; None for what is neither."""
    try:
        parts = urlsplit(f"//{value}")
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment or not parts.hostname:
        return None
    return parts.hostname.rstrip(".")


def _raise(refusal: Refusal) -> Refused:
    return Refused(refusal.status, refusal.message, refusal.code, refusal.param)
