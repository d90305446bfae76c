"""One answer on the event loop's side: events from the engine's thread, a client that may go away, a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.types import Receive

from autoglm_desktop.assistant.completions import (
    Charged,
    CompletionEvent,
    CompletionRequest,
    CompletionService,
    QueueMoved,
)
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.events import Failed, Finished, FinishReason, ReasoningDelta, TextDelta

from .errors import Refusal, Refused, refusal_of

T = TypeVar("T")

MAX_BUFFERED = 4096
"""Events that a client may be behind; further behind, its turn is ended."""


class LiveAnswer:
    """Read `batches` until the last event. Made and used on the event loop; events come from any thread."""

    def __init__(self, completions: CompletionService) -> None:
        self._completions = completions
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._lock = threading.Lock()
        self._events: deque[CompletionEvent] = deque()
        self._woken = False
        self._turn_id = ""
        self._cancelled = False
        self._work: asyncio.Task[Any] | None = None
        self.gone = False
        """The client went away, or does not read."""
        self.expired = False
        """The time limit ended it."""
        self.ahead = 0
        """How many were ahead in the queue when it began."""
        self.unread_images = 0
        """How many images it is told of without a reading."""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self.energy: TurnEnergy | None = None
        self.from_cache = False
        self.last: Finished | Failed | None = None
        self.began_s = self._loop.time()
        self.first_s: float | None = None

    async def start(self, request: CompletionRequest) -> None:
        """Begin. Raises AppError as `CompletionService.start` does."""
        self._turn_id = await asyncio.to_thread(self._completions.start, request, self._take)
        if self._cancelled:
            self._completions.cancel(self._turn_id)
        with self._lock:
            self.ahead = next((e.ahead for e in self._events if isinstance(e, QueueMoved)), 0)

    @property
    def turn_id(self) -> str:
        return self._turn_id

    def cancel(self) -> None:
        """End the turn within a token; its last event still comes."""
        self._cancelled = True
        if self._work is not None:
            self._work.cancel()
        if self._turn_id:
            self._completions.cancel(self._turn_id)

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of what has to be done before the turn. Raises Refused when the answer ends before it."""
        task: asyncio.Task[T] = asyncio.create_task(work)
        self._work = task
        if self._cancelled:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            if self.expired:
                raise Refused(504, "The answer took longer than the time limit of this service.", "timeout") from None
            if self.gone:
                raise Refused(499, "The client went away.", "client_gone") from None
            raise
        finally:
            self._work = None

    async def opening(self, within_s: float) -> Refusal | None:
        """Wait for the first sign of how it goes: why it failed before its first word, None when it does not.

        Returns after `within_s` at the latest, and at once when the turn waits in the queue.
        """
        if not self.ahead:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    while not any(_is_content(event) for event in tuple(self._events)):
                        await self._wake.wait()
                        self._sleep()
        self._wake.set()  # nothing was taken out: what has come is still to be read
        events = tuple(self._events)
        failed = next((event for event in events if isinstance(event, Failed)), None)
        spoke = any(isinstance(event, TextDelta | ReasoningDelta) for event in events)
        return refusal_of(failed.error) if failed is not None and not spoke else None

    async def batches(self, idle_s: float | None = None) -> AsyncIterator[list[CompletionEvent]]:
        """All events, in order, as many at a time as there are; an empty list after `idle_s` without any."""
        while self.last is None:
            try:
                async with asyncio.timeout(idle_s):
                    await self._wake.wait()
            except TimeoutError:
                yield []
                continue
            events = self._sleep(drain=True)
            for event in events:
                self._note(event)
            if events:
                yield events

    async def finish(self) -> None:
        """Read to the end."""
        async for _ in self.batches():
            pass

    @property
    def text(self) -> str:
        """What was read of the answer."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    @property
    def ended_early(self) -> Refusal | None:
        """Why there is no whole answer; None when there is one."""
        if self.expired:
            return Refusal(504, "The answer took longer than the time limit of this service.", "timeout")
        if isinstance(self.last, Failed):
            return refusal_of(self.last.error)
        if isinstance(self.last, Finished) and self.last.reason is FinishReason.CANCELLED:
            return Refusal(503, "The answer was stopped.", "closing")
        return None

    @asynccontextmanager
    async def supervised(self, receive: Receive, limit_s: float) -> AsyncIterator[None]:
        """Within it the turn ends when the client goes away or the time is up, and in any case at the end."""
        watching = asyncio.create_task(self._watch(receive))
        timer = self._loop.call_later(limit_s, self._expire)
        try:
            yield
        finally:
            timer.cancel()
            watching.cancel()
            if self.last is None:
                self.cancel()

    # -- inside

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if self.last is None:
            self.gone = True
            self.cancel()

    def _expire(self) -> None:
        self.expired = True
        self.cancel()

    def _take(self, event: CompletionEvent) -> None:
        """Called on any thread."""
        with self._lock:
            self._events.append(event)
            behind = len(self._events) > MAX_BUFFERED and not self.gone
            self.gone = self.gone or behind
            wake, self._woken = not self._woken, True
        if wake:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody reads any more
                self._loop.call_soon_threadsafe(self._wake.set)
        if behind:
            self._completions.cancel(event.turn_id)

    def _sleep(self, *, drain: bool = False) -> list[CompletionEvent]:
        """Be woken by the next event; with `drain` take those that are there."""
        with self._lock:
            self._woken = False
            self._wake.clear()
            events = list(self._events) if drain else []
            if drain:
                self._events.clear()
        return events

    def _note(self, event: CompletionEvent) -> None:
        match event:
            case TextDelta(text=text):
                self.first_s = self.first_s or self._loop.time()
                self._text.append(text)
            case ReasoningDelta(text=text):
                self.first_s = self.first_s or self._loop.time()
                self._reasoning.append(text)
            case Charged(energy=energy, from_cache=from_cache):
                self.energy, self.from_cache = energy, from_cache
            case Finished() | Failed():
                self.last = event
            case _:
                pass


def _is_content(event: CompletionEvent) -> bool:
    return isinstance(event, TextDelta | ReasoningDelta | Finished | Failed | QueueMoved)
