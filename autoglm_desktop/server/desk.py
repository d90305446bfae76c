"""What every route works with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.settings import Settings

from .errors import Refused
from .intake import ImageDoor, Intake
from .live import LiveAnswer
from .metrics import Meters
from .options import Names

ALIAS = "autoglm-phone-9b"
"""The product's name for whichever model is loaded."""


class Arrivals:
    """Requests in the order in which they came, until each is in the engine's line. Used on the event loop.

    Images and recordings are read first, which takes its time; who came later does not overtake.
    """

    def __init__(self) -> None:
        self._coming: list[asyncio.Event] = []

    @contextmanager
    def place(self) -> Iterator[Callable[[], Coroutine[Any, Any, None]]]:
        """Until the answer is begun. Gives what waits for all that came before."""
        mine = asyncio.Event()
        self._coming.append(mine)
        self._let_the_first()
        try:
            yield lambda: _until(mine)
        finally:
            self._coming.remove(mine)
            self._let_the_first()

    def _let_the_first(self) -> None:
        if self._coming:
            self._coming[0].set()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


@dataclass(slots=True)
class Desk:
    """`service` are the settings at the start of the service; sampling goes by those of the assistant now.

    Used on the event loop.
    """

    assistant: Assistant
    service: Settings
    meters: Meters
    has_key: bool = False
    """Whether clients need a key: whoever gets as far as here has sent it."""
    began_s: int = field(default_factory=lambda: int(time.time()))

    door: ImageDoor = field(init=False)
    arrivals: Arrivals = field(default_factory=Arrivals)
    inside: int = 0
    """Requests that are worked on or wait: images, recordings and answers."""

    def __post_init__(self) -> None:
        self.door = ImageDoor(self.assistant)

    def intake(self, closing: AsyncExitStack) -> Intake:
        """For one request, which ends with `closing`."""
        return Intake(self.assistant, self.door, closing)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those that are worked on or wait. Raises Refused 429 when all are taken."""
        limit = self.service.service_max_waiting
        if self.inside > limit:  # one is worked on, the others wait
            raise Refused(429, f"{limit} requests wait already; try again in a moment.", "queue_full")
        self.inside += 1
        try:
            with self.meters.inside.track_inprogress():
                yield
        finally:
            self.inside -= 1

    @property
    def names(self) -> Names:
        return Names(ALIAS, self.assistant.settings.model_id)

    def limit_s(self) -> float:
        """How long one answer may take."""
        return self.service.service_request_timeout_s


def headers_of(answer: LiveAnswer) -> dict[str, str]:
    """The place in the queue when the answer was asked for, and the id that the log knows it by; none before that.

    Where images could not be read here, how many.
    """
    unread = {"X-Images-Unread": str(answer.unread_images)} if answer.unread_images else {}
    if not answer.turn_id:
        return unread
    return {"X-Queue-Position": str(answer.ahead), "X-Request-Id": answer.turn_id, **unread}


def whole(answer: LiveAnswer, body: dict[str, object]) -> Response:
    """A finished answer, or why there is none."""
    refusal = answer.ended_early
    return refusal.response() if refusal is not None else JSONResponse(body, headers=headers_of(answer))
