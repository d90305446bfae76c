"""Bodies in JSON, read by what they hold: ``curl -d`` says that it sends a form, other tools say nothing.

A page has to name the type: browsers send the other types anywhere without asking first. llama.cpp and Ollama read
JSON whatever its type, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from email.message import Message as Header
from typing import Any, NoReturn

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.responses import Response

from .errors import Refused, bad

_NAME_THE_TYPE = "Send JSON with the header Content-Type: application/json."


class JsonRoute(APIRoute):
    """A route whose body is JSON; forms are left to FastAPI."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None or _is_form(self):
            return handle

        async def read(request: Request) -> Response:
            return await handle(await _as_json(request))

        return read


class _JsonRequest(Request):
    """A request with what was read already."""

    def __init__(self, request: Request, found: dict[str, Any]) -> None:
        others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
        scope = {**request.scope, "headers": [*others, (b"content-type", b"application/json")]}
        super().__init__(scope, request.receive)
        self._found = found

    async def body(self) -> bytes:
        return b"{}"  # FastAPI asks whether there is any

    async def json(self) -> dict[str, Any]:
        return self._found


def _is_form(route: APIRoute) -> bool:
    from fastapi.params import Form

    return route.body_field is not None and isinstance(route.body_field.field_info, Form)


async def _as_json(request: Request) -> Request:
    """Raises Refused 400 or 415."""
    headers = request.headers
    named = _is_json(headers.get("content-type", ""))
    if not named and _is_browser(headers):
        raise Refused(415, _NAME_THE_TYPE, "unsupported_media_type")
    if headers.get("content-encoding", "").lower() not in ("", "identity"):
        raise Refused(415, "Send the body as it is, without a Content-Encoding.", "unsupported_encoding")
    try:
        found = read_object(await request.body())
    except Refused:
        if named or not headers.get("content-type"):
            raise
        raise Refused(415, f"The body is not JSON. {_NAME_THE_TYPE}", "unsupported_media_type") from None
    return _JsonRequest(request, found)


def read_object(body: bytes) -> dict[str, Any]:
    """The object in a body; whole numbers may be written with a point. Raises Refused 400."""
    if not body.strip():
        raise _unreadable("The body is empty: send a JSON object.")
    try:
        found = json.loads(body, parse_float=_number, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _unreadable(f"The body is not JSON: see line {error.lineno}, column {error.colno}.") from error
    except UnicodeDecodeError as error:
        raise _unreadable("The body is not in UTF-8.") from error
    except RecursionError:
        raise _unreadable("The body is nested too deeply.") from None
    except ValueError as error:
        raise _unreadable("A number in the body has too many digits.") from error
    if not isinstance(found, dict):
        raise _unreadable("The body must be a JSON object.")
    return found


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _no_number(text: str) -> NoReturn:
    raise _unreadable(f"{text} is not a number in JSON.")


def _unreadable(message: str) -> Refused:
    return bad(message, code="invalid_json")


def _is_json(content_type: str) -> bool:
    header = Header()
    header["content-type"] = content_type
    subtype = header.get_content_subtype()
    return header.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))


def _is_browser(headers: Headers) -> bool:
    return "origin" in headers or "sec-fetch-site" in headers
