"""What comes before a turn: images and recordings are read, and those who came earlier go first.

A stream whose beginning takes long is opened before it, so that its client hears from us meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack

from autoglm_desktop.assistant.completions import CompletionRequest
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.messages import Message

from .desk import Desk
from .errors import Refusal, Refused, refusal_of
from .intake import Sent
from .live import LiveAnswer
from .streaming import KEEP_ALIVE, KEEP_ALIVE_S

OPENING_S = 10.0
"""A stream says 200 when its first word is there, or after so long: what fails sooner has its own status."""

MakeRequest = Callable[[tuple[Message, ...]], CompletionRequest]


class Beginning:
    """Brings one answer to its start. Make it with `begin`; what it holds goes with `closing`."""

    def __init__(self, answer: LiveAnswer, work: asyncio.Task[None]) -> None:
        self._answer, self._work = answer, work

    @classmethod
    async def begin(
        cls,
        desk: Desk,
        answer: LiveAnswer,
        sent: Sent,
        make: MakeRequest,
        closing: AsyncExitStack,
    ) -> Beginning:
        """`make` gets the messages that were `sent`, as the assistant takes them."""
        held = await closing.enter_async_context(AsyncExitStack())
        begun = cls(answer, asyncio.create_task(_begin(desk, answer, sent, make, held)))
        closing.push_async_callback(begun._end)
        return begun

    async def whole(self) -> None:
        """Wait for the start. Raises Refused or AppError."""
        await self._work

    async def opening(self) -> Refusal | None:
        """Why it failed before its first word; None when it does not, or not within `OPENING_S`.

        Raises Refused or AppError for what fails before the turn.
        """
        done, _ = await asyncio.wait({self._work}, timeout=OPENING_S)
        if not done:
            return None
        await self._work
        return await self._answer.opening(OPENING_S)

    async def comments(self) -> AsyncGenerator[bytes, None]:
        """Signs of life until the turn begins, or cannot."""
        while not (await asyncio.wait({self._work}, timeout=KEEP_ALIVE_S))[0]:
            yield KEEP_ALIVE

    def refusal(self) -> Refusal | None:
        """Why there is no turn, after `comments`."""
        try:
            self._work.result()
        except Refused as error:
            return error.refusal
        except AppError as error:
            return refusal_of(error.report)
        except asyncio.CancelledError:
            return Refusal(503, "The answer was stopped.", "closing")
        return None

    async def _end(self) -> None:
        """Wait for the work, which is not needed any more; what it raises was told, or nobody is there to hear it."""
        if not self._work.done():
            self._answer.cancel()
        await asyncio.gather(self._work, return_exceptions=True)


async def _begin(
    desk: Desk,
    answer: LiveAnswer,
    sent: Sent,
    make: MakeRequest,
    held: AsyncExitStack,
) -> None:
    with desk.arrivals.place() as my_turn:
        intake = desk.intake(held)
        messages = await answer.during(intake.messages(sent))
        answer.unread_images = intake.unread
        await answer.during(my_turn())
        await answer.start(make(messages))
