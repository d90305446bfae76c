"""The event stream of a chat completion, line by line, never more than the limits allow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from autoglm_desktop.core.routing import Endpoint

from . import failures

MAX_LINE_BYTES = 1 << 20
_DONE = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Counts:
    """What the endpoint's usage tells, in tokens; None where it does not."""

    prompt: int | None = None
    cached: int | None = None
    completion: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event: more text, more reasoning, why it ended, what it took."""

    text: str = ""
    reasoning: str = ""
    finish: str | None = None
    counts: Counts | None = None
    done: bool = False


async def chunks(endpoint: Endpoint, blocks: AsyncIterator[bytes], *, max_bytes: int) -> AsyncIterator[Chunk]:
    """The events of a response body. Raises AppError CLOUD_FAILED for too much, for no events, for an error event."""
    async for line in _lines(endpoint, blocks, max_bytes):
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == _DONE:
            yield Chunk(done=True)
            return
        yield chunk_of(endpoint, data)


def chunk_of(endpoint: Endpoint, data: bytes) -> Chunk:
    """One ``data:`` line. Raises AppError CLOUD_FAILED."""
    try:
        event = json.loads(data)
    except ValueError as error:
        raise failures.not_understood(endpoint, repr(error)) from error
    if not isinstance(event, dict):
        raise failures.not_understood(endpoint, "an event that is no object")
    if event.get("error"):
        raise failures.broke_off(endpoint, json.dumps(event["error"]))
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    delta = first.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    finish = first.get("finish_reason")
    return Chunk(
        text=_text(delta.get("content")),
        reasoning=_text(delta.get("reasoning_content")) or _text(delta.get("reasoning")),
        finish=finish if isinstance(finish, str) else None,
        counts=_counts(event.get("usage")),
    )


async def _lines(endpoint: Endpoint, blocks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    rest, total = b"", 0
    async for block in blocks:
        total += len(block)
        if total > max_bytes:
            raise failures.too_much(endpoint)
        *whole, rest = (rest + block).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise failures.too_much(endpoint)
        for line in whole:
            yield line.rstrip(b"\r")
    if rest:
        yield rest


def _counts(usage: Any) -> Counts | None:
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return Counts(
        prompt=_count(usage.get("prompt_tokens")),
        cached=_count(prompt.get("cached_tokens")) if isinstance(prompt, dict) else None,
        completion=_count(usage.get("completion_tokens")),
        reasoning=_count(completion.get("reasoning_tokens")) if isinstance(completion, dict) else None,
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
