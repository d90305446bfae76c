"""Every failure in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}`` with the right status."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus

import fastapi
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5

_STATUS = {
    ErrorCode.BAD_INPUT: (400, "invalid_value"),
    ErrorCode.CONTEXT_FULL: (400, "context_length_exceeded"),
    ErrorCode.BUSY: (429, "queue_full"),
    ErrorCode.OUT_OF_MEMORY: (503, "out_of_memory"),
    ErrorCode.MODEL_MISSING: (503, "model_missing"),
    ErrorCode.MODEL_UNKNOWN: (503, "model_missing"),
    ErrorCode.CANCELLED: (503, "closing"),
}
TEXT, LIST, OBJECT = "(text)", "(list)", "(object)"
"""Tags of the ways to write a field (`options`); `validation` leaves them out of the place of an error."""
_CODES = {400: "invalid_value", 413: "body_too_large"}
_FORM = "The form cannot be read: send multipart/form-data with the parts file and model."
"""FastAPI reads forms; JSON is read in `json_body`."""
_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    415: {"Accept": "application/json", "Accept-Encoding": "identity"},
    429: {"Retry-After": str(RETRY_AFTER_S)},
    503: {"Retry-After": str(RETRY_AFTER_S)},
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a client gets it. `param` names the field that is wrong."""

    status: int
    message: str
    code: str
    param: str | None = None

    @property
    def kind(self) -> str:
        """OpenAI's `type`."""
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return "rate_limit_error"
        return "server_error" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"

    def body(self) -> dict[str, object]:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        return _HEADERS.get(self.status, {})

    def response(self) -> Response:
        return JSONResponse(self.body(), self.status, headers=self.headers())


class Refused(fastapi.HTTPException):
    """Raise it anywhere in a request. (FastAPI passes its own exceptions on where it reads bodies, and no others.)"""

    def __init__(self, status: int, message: str, code: str, param: str | None = None) -> None:
        super().__init__(status, message)
        self.refusal = Refusal(status, message, code, param)


def bad(message: str, param: str | None = None, code: str = "invalid_value") -> Refused:
    """A request that cannot be answered as it is (400)."""
    return Refused(400, message, code, param)


def refusal_of(report: ErrorReport) -> Refusal:
    """A failure of the assistant. Its details stay in the log: they may name folders of this computer."""
    status, code = _STATUS.get(report.code, (500, report.code.value))
    return Refusal(status, f"{report.cause.english()} {report.next_step.english()}", code)


def install(app: FastAPI) -> None:
    """Give every way to fail its answer."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(HTTPException, _http)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.refusal.response()


async def _app_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    refusal = refusal_of(error.report)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("a request failed: %s %s", error, error.report.details)
    return refusal.response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, headers = error.status_code, dict(error.headers or {})
    if status == HTTPStatus.NOT_FOUND:
        message = f"There is no {request.url.path[:100]!r} here; GET /openapi.json lists what there is."
        return Refusal(status, message, "not_found").response()
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return _other_method(request, headers.get("Allow", ""))
    detail = _FORM if status == HTTPStatus.BAD_REQUEST else str(error.detail)
    refusal = Refusal(status, detail, _CODES.get(status, "invalid_request"))
    response = refusal.response()
    response.headers.update(headers)
    return response


def _other_method(request: Request, allowed: str) -> Response:
    """What the path takes: the answer to OPTIONS, and the way out of a wrong method."""
    methods = set(allowed.split(", ")) | {"OPTIONS"}
    allow = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allow})
    response = Refusal(
        405, f"The method {request.method[:20]} is not taken here, but {allow}.", "method_not_allowed"
    ).response()
    response.headers["Allow"] = allow
    return response


def event_line(refusal: Refusal) -> bytes:
    """The error as an event of a stream that has begun."""
    return b"data: " + json.dumps(refusal.body(), ensure_ascii=False).encode() + b"\n\n"
