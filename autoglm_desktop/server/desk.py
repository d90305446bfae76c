"""What every route works with."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, Response

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.settings import Settings

from .errors import Refused
from .live import LiveAnswer
from .metrics import Meters
from .options import Names

ALIAS = "autoglm-phone-9b"
"""The product's name for whichever model is loaded."""


@dataclass(frozen=True, slots=True)
class Desk:
    """`service` are the settings at the start of the service; sampling goes by those of the assistant now."""

    assistant: Assistant
    service: Settings
    meters: Meters
    began_s: int = field(default_factory=lambda: int(time.time()))

    @property
    def names(self) -> Names:
        return Names(ALIAS, self.assistant.settings.model_id)

    def limit_s(self) -> float:
        """How long one answer may take."""
        return self.service.service_request_timeout_s


def headers_of(answer: LiveAnswer) -> dict[str, str]:
    """The place in the queue when the answer was asked for, and the id that the log knows it by."""
    return {"X-Queue-Position": str(answer.ahead), "X-Request-Id": answer.turn_id}


def whole(answer: LiveAnswer, body: dict[str, object]) -> Response:
    """A finished answer, or why there is none."""
    refusal = answer.ended_early
    return refusal.response() if refusal is not None else JSONResponse(body, headers=headers_of(answer))


def refuse_tools(tools: list[object] | None, choice: object) -> None:
    """Tools that may be left alone are ignored by saying so (``tool_choice: "none"``); others are refused."""
    if tools and choice != "none":
        raise Refused(400, 'This model does not call tools; send tool_choice "none".', "unsupported_value", "tools")


def refuse(condition: object, what: str, param: str) -> None:
    """Refuse plainly what is known and cannot be done."""
    if condition:
        raise Refused(400, f"{what} is not supported here.", "unsupported_value", param)
