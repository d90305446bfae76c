"""CORS outside of the guard: a page that may ask can read refusals, too; other pages learn nothing."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from .errors import Refusal
from .security import Rules, address_refusal

METHODS = ("GET", "HEAD", "POST", "PUT")
EXPOSED = ("X-Queue-Position", "X-Request-Id", "X-Images-Unread", "Retry-After", "WWW-Authenticate", "Allow")
"""What scripts of a page may read of the answers' headers."""


class Cors(CORSMiddleware):
    """Starlette's, which answers preflights by itself: they are held to the rules for Host and Origin here."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        super().__init__(
            app,
            allow_origins=sorted(rules.origins),
            allow_methods=METHODS,
            allow_headers=("*",),
            allow_private_network=True,
            expose_headers=EXPOSED,
        )
        self._rules = rules

    def preflight_response(self, request_headers: Headers) -> Response:
        refusal = address_refusal(request_headers, self._rules)
        if refusal is not None:
            return refusal.response()
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        return Refusal(403, f"Pages may send {', '.join(METHODS)} here, and nothing else.", "wrong_method").response()
