"""The OpenAPI document: FastAPI's, with what it cannot know: keys, streams, and which answers there are."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .answers import (
    ChatCompletion,
    ChatCompletionChunk,
    ErrorAnswer,
    LongTranscription,
    ResponseEvent,
    ResponseObject,
    ShortTranscription,
)
from .security import OPEN_PATHS

Responses = dict[int | str, dict[str, Any]]

_RETRY = {"Retry-After": {"description": "Seconds until it is worth to ask again.", "schema": {"type": "string"}}}
ERRORS: Responses = {
    status: {"model": ErrorAnswer, "description": words, **({"headers": _RETRY} if status in (429, 503) else {})}
    for status, words in {
        400: "The request cannot be answered as it is.",
        401: "The API key is missing or wrong.",
        403: "The page that asks may not, or the phone may only be read.",
        404: "There is no such model or path.",
        405: "The path takes other methods: `Allow` names them.",
        408: "The request took too long to arrive.",
        413: "The body is too large.",
        415: "The body is compressed, or a page did not say that it is JSON.",
        421: "The Host is not this service's.",
        422: "",  # FastAPI names it else; `_complete` leaves it out
        429: "Too many wait; `Retry-After` tells when to come back.",
        500: "The service failed; its log has the reason.",
        503: "The model cannot answer now.",
        504: "The answer took too long.",
    }.items()
}
_HEADERS = {
    name: {"description": words, "schema": {"type": "string"}}
    for name, words in {
        "X-Queue-Position": "How many answers were ahead.",
        "X-Request-Id": "The name of the answer in the log.",
        "X-Images-Unread": "How many images could not be read; absent where all were.",
    }.items()
}
_REF = "#/components/schemas/"
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


def _streamed(chunk: type[BaseModel], *last: str) -> dict[str, Any]:
    """An item is an event, as FastAPI describes its own; `last` are data that are no chunk."""
    content = {"contentMediaType": "application/json", "contentSchema": {"$ref": f"{_REF}{chunk.__name__}"}}
    data = {"type": "string", "anyOf": [*({"const": text} for text in last), content]}
    event = {"data": data, "event": {"type": "string"}}
    return {"text/event-stream": {"itemSchema": {"type": "object", "properties": event, "required": ["data"]}}}


CHAT: Responses = {
    200: {
        "model": ChatCompletion,
        "description": "The answer; with `stream` as events, and the data of the last is [DONE].",
        "headers": _HEADERS,
        "content": _streamed(ChatCompletionChunk, "[DONE]"),
    }
}
RESPONSE: Responses = {
    200: {
        "model": ResponseObject,
        "description": "The answer; with `stream` as events.",
        "headers": _HEADERS,
        "content": _streamed(ResponseEvent),
    }
}
TRANSCRIPTION: Responses = {
    200: {
        "model": LongTranscription | ShortTranscription,
        "description": "By `response_format`: `json` and `verbose_json`, or `text`, `srt` and `vtt`.",
        "content": _TEXT,
    }
}
METRICS: Responses = {200: {"description": "In Prometheus' text format.", "content": _TEXT}}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x_api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}
_STREAMED: tuple[type[BaseModel], ...] = (ChatCompletionChunk, ResponseEvent)


def answers(model: type[BaseModel]) -> Responses:
    """A route that answers with this, in JSON."""
    return {200: {"model": model, "description": "What was asked for."}}


class Documented(FastAPI):
    """An application with this document, which is made when it is first asked for. `keyed`: clients send a key."""

    keyed = False

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            _complete(super().openapi(), keyed=self.keyed)
        return super().openapi()


def _complete(found: dict[str, Any], *, keyed: bool) -> None:
    components = found["components"]
    _, chunks = models_json_schema([(model, "serialization") for model in _STREAMED], ref_template=f"{_REF}{{model}}")
    components["schemas"] = chunks["$defs"] | components["schemas"]
    components["securitySchemes"] = _KEYS
    keys: list[dict[str, list[str]]] = [{name: []} for name in _KEYS]
    found["security"] = keys if keyed else [*keys, {}]
    for path, operations in found["paths"].items():
        for operation in operations.values():
            del operation["responses"]["422"]
            if path in OPEN_PATHS:
                operation["security"] = []
