"""`POST /v1/responses`: the same answers in the newer shape, with the reasoning as a summary item."""

from __future__ import annotations

import time
from functools import partial
from itertools import count

from starlette.requests import Request
from starlette.responses import Response

from autoglm_desktop.assistant.completions import CompletionEvent, CompletionRequest, QueueMoved
from autoglm_desktop.core.events import ReasoningDelta, TextDelta
from autoglm_desktop.core.messages import Message, Role

from .answering import answered
from .desk import Desk
from .errors import Refusal
from .identity import introduced
from .live import LiveAnswer
from .options import ReasoningFormat, stops_of
from .schemas import InputMessage, ResponsesRequest
from .streaming import event, waiting
from .unsupported import MESSAGE, RESPONSES, refuse_unsupported
from .usage import finish_reason, response_usage


async def respond(desk: Desk, request: Request, body: ResponsesRequest) -> Response:
    """Answer, streaming or not."""
    desk.names.require(body.model)
    refuse_unsupported(RESPONSES, body.sent("text"))
    for number, item in enumerate(body.input if isinstance(body.input, list) else ()):
        if isinstance(item, InputMessage):
            refuse_unsupported(MESSAGE, item.sent(), f"input.{number}.")
    make = partial(_request, desk, body)
    return await answered(
        desk, request, _sent(body), make, lambda answer: _Story(_Shape(answer, body)), stream=bool(body.stream)
    )


def _request(desk: Desk, body: ResponsesRequest, messages: tuple[Message, ...]) -> CompletionRequest:
    effort = body.reasoning.effort if body.reasoning else None
    summary = body.reasoning.summary if body.reasoning else None
    led = () if body.instructions is None else (Message.of(Role.SYSTEM, body.instructions),)
    asked = (*led, *messages)
    return CompletionRequest(
        introduced(asked, desk.names.model_id) if desk.names.is_alias(body.model) else asked,
        sampling=body.sampling(desk.assistant.settings),
        max_total_tokens=body.max_output_tokens,
        think=body.thinks(effort or ("medium" if summary else None)),
        thinking_budget_tokens=body.budget_tokens(effort),
        stop=stops_of(body.stop),
    )


def _sent(body: ResponsesRequest) -> dict[str, InputMessage]:
    if isinstance(body.input, str):
        return {"input": InputMessage(role="user", content=body.input)}
    items = enumerate(body.input)
    return {f"input.{number}.content": item for number, item in items if isinstance(item, InputMessage)}


class _Shape:
    """Makes the objects of one response."""

    def __init__(self, answer: LiveAnswer, body: ResponsesRequest) -> None:
        self._answer, self._body = answer, body
        self._created = int(time.time())
        self.shows_reasoning = body.where() is not ReasoningFormat.HIDDEN

    @property
    def reasoning_id(self) -> str:
        return f"rs_{self._answer.turn_id}"

    @property
    def message_id(self) -> str:
        return f"msg_{self._answer.turn_id}"

    def reasoning_item(self, text: str | None) -> dict[str, object]:
        """None: it begins."""
        summary = [] if text is None else [{"type": "summary_text", "text": text}]
        return {"id": self.reasoning_id, "type": "reasoning", "summary": summary}

    def message_item(self, text: str | None) -> dict[str, object]:
        """None: it begins."""
        return {
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "status": "in_progress" if text is None else "completed",
            "content": [] if text is None else [self.text_part(text)],
        }

    def text_part(self, text: str) -> dict[str, object]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def response(self, status: str, output: list[object]) -> dict[str, object]:
        body = self._body
        return {
            "id": f"resp_{self._answer.turn_id}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "metadata": body.metadata or {},
            "model": body.model,
            "output": output,
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
            "store": False,
            "temperature": body.temperature,
            "text": {"format": {"type": "text"}},
            "tool_choice": "none",
            "tools": [],
            "top_p": body.top_p,
            "truncation": "disabled",
            "usage": None,
        }

    def final(self) -> dict[str, object]:
        """The whole response."""
        answer = self._answer
        output: list[object] = [self.message_item(answer.text)]
        if answer.reasoning and self.shows_reasoning:
            output.insert(0, self.reasoning_item(answer.reasoning))
        status = "incomplete" if finish_reason(answer) == "length" else "completed"
        return self.response(status, output) | {"usage": response_usage(answer)}

    def failed(self, refusal: Refusal) -> dict[str, object]:
        error = {"code": refusal.code, "message": refusal.message}
        return self.response("failed", []) | {"error": error}


class _Story:
    """Writes one response; the events of a stream are numbered, each item with its beginning and its end."""

    def __init__(self, shape: _Shape) -> None:
        self._shape = shape
        self._numbers = count()
        self._output = -1
        """The place of the item that is open."""
        self._open: str | None = None
        self._said: list[str] = []

    def whole(self) -> dict[str, object]:
        return self._shape.final()

    def begin(self) -> bytes:
        started: dict[str, object] = {"response": self._shape.response("in_progress", [])}
        return self._event("response.created", started) + self._event("response.in_progress", started)

    def of(self, events: list[CompletionEvent]) -> bytes:
        return b"".join(self._one(happened) for happened in events)

    def end(self) -> bytes:
        final = self._shape.final()
        opened = b"" if self._open == "message" else self._switch("message")
        return opened + self._close() + self._event(f"response.{final['status']}", {"response": final})

    def fail(self, refusal: Refusal) -> bytes:
        return self._event("response.failed", {"response": self._shape.failed(refusal)})

    def _one(self, happened: CompletionEvent) -> bytes:
        match happened:
            case ReasoningDelta(text=text) if self._shape.shows_reasoning:
                return self._switch("reasoning") + self._delta("response.reasoning_summary_text.delta", text)
            case TextDelta(text=text):
                return self._switch("message") + self._delta("response.output_text.delta", text)
            case QueueMoved(ahead=ahead):
                return waiting(ahead)
            case _:
                return b""

    def _switch(self, kind: str) -> bytes:
        if self._open == kind:
            return b""
        closed = self._close()
        self._open, self._said = kind, []
        self._output += 1
        shape, place = self._shape, {"output_index": self._output}
        if kind == "reasoning":
            part = {"item_id": shape.reasoning_id, "summary_index": 0, "part": {"type": "summary_text", "text": ""}}
            added = self._event("response.output_item.added", place | {"item": shape.reasoning_item(None)})
            return closed + added + self._event("response.reasoning_summary_part.added", place | part)
        part = {"item_id": shape.message_id, "content_index": 0, "part": shape.text_part("")}
        added = self._event("response.output_item.added", place | {"item": shape.message_item(None)})
        return closed + added + self._event("response.content_part.added", place | part)

    def _delta(self, name: str, text: str) -> bytes:
        self._said.append(text)
        extra: dict[str, object] = {"logprobs": []} if self._open == "message" else {}
        return self._event(name, self._where() | {"delta": text} | extra)

    def _close(self) -> bytes:
        text, where, place = "".join(self._said), self._where(), {"output_index": self._output}
        kind, self._open = self._open, None
        shape = self._shape
        if kind == "reasoning":
            part = {"part": {"type": "summary_text", "text": text}}
            return (
                self._event("response.reasoning_summary_text.done", where | {"text": text})
                + self._event("response.reasoning_summary_part.done", where | part)
                + self._event("response.output_item.done", place | {"item": shape.reasoning_item(text)})
            )
        if kind == "message":
            return (
                self._event("response.output_text.done", where | {"text": text, "logprobs": []})
                + self._event("response.content_part.done", where | {"part": shape.text_part(text)})
                + self._event("response.output_item.done", place | {"item": shape.message_item(text)})
            )
        return b""

    def _where(self) -> dict[str, object]:
        if self._open == "reasoning":
            return {"item_id": self._shape.reasoning_id, "output_index": self._output, "summary_index": 0}
        return {"item_id": self._shape.message_id, "output_index": self._output, "content_index": 0}

    def _event(self, name: str, data: dict[str, object]) -> bytes:
        return event({"type": name, "sequence_number": next(self._numbers)} | data, name)
