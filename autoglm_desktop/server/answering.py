"""From a request to its response, whole or as a stream. A route only says how it writes an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from autoglm_desktop.assistant.completions import CompletionEvent

from .beginning import Beginning, MakeRequest
from .desk import Desk, headers_of, whole
from .errors import Refusal
from .intake import Sent
from .live import LiveAnswer
from .streaming import KEEP_ALIVE, KEEP_ALIVE_S, EventStream


class Writer(Protocol):
    """Writes one answer in the shape of its route; all but `whole` and `fail` are for streams, in this order."""

    def whole(self) -> dict[str, object]:
        """The body, once the answer has ended well."""
        ...

    def begin(self) -> bytes:
        """What comes before the first event of the turn; may be empty."""
        ...

    def of(self, events: list[CompletionEvent]) -> bytes:
        """What the events say; empty where they say nothing to a client."""
        ...

    def end(self) -> bytes:
        """After an answer that ended well."""
        ...

    def fail(self, refusal: Refusal) -> bytes:
        """In the place of `begin` or of `end`."""
        ...


async def answered(
    desk: Desk,
    request: Request,
    sent: Sent,
    make: MakeRequest,
    write: Callable[[LiveAnswer], Writer],
    *,
    stream: bool,
) -> Response:
    """The answer to the messages that were `sent`; `make` gets them as the assistant takes them.

    Raises Refused or AppError for what fails before the turn.
    """
    answer = LiveAnswer(desk.assistant.completions)
    async with AsyncExitStack() as closing:
        closing.enter_context(desk.place())
        await closing.enter_async_context(answer.supervised(request.receive, desk.limit_s()))
        closing.callback(desk.meters.ended, answer)
        begun = await Beginning.begin(desk, answer, sent, make, closing)
        writer = write(answer)
        if not stream:
            await begun.whole()
            await answer.finish()
            return whole(answer, writer.whole())
        refusal = await begun.opening()
        if refusal is not None:
            await answer.finish()
            return refusal.response()
        return EventStream(_events(answer, writer, begun), closing=closing.pop_all(), headers=headers_of(answer))


async def _events(answer: LiveAnswer, writer: Writer, begun: Beginning) -> AsyncGenerator[bytes, None]:
    async for comment in begun.comments():
        yield comment
    if (early := begun.refusal()) is not None:
        yield writer.fail(early)
        return
    if opening := writer.begin():
        yield opening
    async for batch in answer.batches(KEEP_ALIVE_S):
        data = writer.of(batch)
        if data or not batch:
            yield data or KEEP_ALIVE
    refusal = answer.ended_early
    yield writer.fail(refusal) if refusal is not None else writer.end()
