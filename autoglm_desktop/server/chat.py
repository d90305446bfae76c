"""`POST /v1/chat/completions`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from autoglm_desktop.assistant.completions import CompletionEvent, CompletionRequest, QueueMoved
from autoglm_desktop.core.events import ReasoningDelta, TextDelta
from autoglm_desktop.core.messages import Message

from .answering import answered
from .desk import Desk
from .errors import Refusal, event_line
from .identity import introduced
from .live import LiveAnswer
from .options import ReasoningFormat, stops_of
from .schemas import ChatRequest
from .streaming import DONE, event, waiting
from .unsupported import CHAT, MESSAGE, refuse_unsupported
from .usage import chat_usage, finish_reason

THINK_OPEN, THINK_CLOSE = "<think>\n", "\n</think>\n\n"


async def complete(desk: Desk, request: Request, body: ChatRequest) -> Response:
    """Answer, streaming or not."""
    desk.names.require(body.model)
    refuse_unsupported(CHAT, body.sent())
    for number, message in enumerate(body.messages):
        refuse_unsupported(MESSAGE, message.sent(), f"messages.{number}.")
    make = partial(_request, desk, body)
    sent = {f"messages.{number}.content": message for number, message in enumerate(body.messages)}
    return await answered(desk, request, sent, make, lambda answer: _Writer(answer, body), stream=bool(body.stream))


def _request(desk: Desk, body: ChatRequest, messages: tuple[Message, ...]) -> CompletionRequest:
    return CompletionRequest(
        introduced(messages, desk.names.model_id) if desk.names.is_alias(body.model) else messages,
        sampling=body.sampling(desk.assistant.settings),
        max_tokens=body.max_tokens if body.max_completion_tokens is None else None,
        max_total_tokens=body.max_completion_tokens,
        think=body.thinks(body.reasoning_effort),
        thinking_budget_tokens=body.budget_tokens(body.reasoning_effort),
        stop=stops_of(body.stop),
    )


@dataclass(frozen=True, slots=True)
class Head:
    """Makes objects of one completion."""

    answer: LiveAnswer
    body: ChatRequest
    created: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "created", int(time.time()))

    @property
    def where(self) -> ReasoningFormat:
        return self.body.where()

    @property
    def include_usage(self) -> bool:
        return bool(self.body.stream_options and self.body.stream_options.include_usage)

    def _object(self, kind: str, choices: list[object]) -> dict[str, object]:
        return {
            "id": f"chatcmpl-{self.answer.turn_id}",
            "object": kind,
            "created": self.created,
            "model": self.body.model,
            "system_fingerprint": None,
            "choices": choices,
        }

    def whole(self) -> dict[str, object]:
        answer, thought, content = self.answer, self.answer.reasoning, self.answer.text
        message: dict[str, object] = {"role": "assistant", "content": content, "refusal": None}
        if thought and self.where is ReasoningFormat.RAW:
            message["content"] = f"{THINK_OPEN}{thought}{THINK_CLOSE}{content}"
        elif thought and self.where is ReasoningFormat.PARSED:
            message |= {"reasoning_content": thought, "reasoning": thought}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(answer)}
        return self._object("chat.completion", [choice]) | {"usage": chat_usage(answer)}

    def chunk(self, delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        data = self._object("chat.completion.chunk", [choice])
        return event(data | {"usage": None} if self.include_usage else data)

    def usage_chunk(self) -> bytes:
        return event(self._object("chat.completion.chunk", []) | {"usage": chat_usage(self.answer)})


class Deltas:
    """Chunks of text and reasoning, after the one of the role: what is the same in all of them is written once."""

    def __init__(self, head: Head) -> None:
        self._where = head.where
        before, after = head.chunk({"\0": 0}).split(b'{"\\u0000":0}')
        self._before, self._after = before, after
        self._role = head.chunk({"role": "assistant", "content": ""})
        """Empty when it was said."""
        self._in_thought = False

    def of(self, events: list[CompletionEvent]) -> list[bytes]:
        return [chunk for happened in events for chunk in self._one(happened)]

    def end(self) -> list[bytes]:
        """Close a thought that no answer followed; without a word, the role is still said."""
        left = self._leave_thought()
        return [self._say_role(), *left]

    def _one(self, happened: CompletionEvent) -> list[bytes]:
        match happened:
            case TextDelta(text=text):
                return [*self._leave_thought(), self._chunk({"content": text})]
            case ReasoningDelta(text=text):
                return self._thought(text)
            case QueueMoved(ahead=ahead):
                return [waiting(ahead)]
            case _:
                return []

    def _thought(self, text: str) -> list[bytes]:
        if self._where is ReasoningFormat.HIDDEN:
            return []
        if self._where is ReasoningFormat.PARSED:
            return [self._chunk({"reasoning_content": text, "reasoning": text})]
        opened = [] if self._in_thought else [self._chunk({"content": THINK_OPEN})]
        self._in_thought = True
        return [*opened, self._chunk({"content": text})]

    def _leave_thought(self) -> list[bytes]:
        left, self._in_thought = self._in_thought, False
        return [self._chunk({"content": THINK_CLOSE})] if left else []

    def _chunk(self, delta: dict[str, str]) -> bytes:
        said = json.dumps(delta, ensure_ascii=False).encode()
        return b"%b%b%b%b" % (self._say_role(), self._before, said, self._after)

    def _say_role(self) -> bytes:
        role, self._role = self._role, b""
        return role


class _Writer:
    """Writes one completion."""

    def __init__(self, answer: LiveAnswer, body: ChatRequest) -> None:
        self._answer, self._head = answer, Head(answer, body)

    def whole(self) -> dict[str, object]:
        return self._head.whole()

    def begin(self) -> bytes:
        self._deltas = Deltas(self._head)  # not sooner: the turn has its id now
        return b""

    def of(self, events: list[CompletionEvent]) -> bytes:
        return b"".join(self._deltas.of(events))

    def end(self) -> bytes:
        head = self._head
        tail = [*self._deltas.end(), head.chunk({}, finish_reason(self._answer))]
        return b"".join([*tail, head.usage_chunk() if head.include_usage else b"", DONE])

    def fail(self, refusal: Refusal) -> bytes:
        return event_line(refusal)
