"""Answers without a conversation: what the HTTP service asks for, of the same engine, governor, phone and ledger.

The messages come with every request and nothing of them is stored. The engine takes turns in the order in which they
were begun, so clients and the window share it fairly; each waiting turn is told how many are ahead of it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, Protocol

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import (
    Failed,
    Finished,
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TurnEvent,
    Usage,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, Message, ModelRef, Role, Sampling, TextPart, TurnRequest
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings

from .answer_cache import AnswerCache, CachedAnswer
from .energy import EnergyService
from .energy_turns import TurnMeter
from .line import Line
from .restraint import capped

log = logging.getLogger(__name__)

_CACHE_OWNER = "service"
"""Answers of the service stay within it: the window's questions are nobody else's business, and the reverse."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One answer to be made, to these messages and no others; None means as the settings say, but for the lengths."""

    messages: tuple[Message, ...]
    sampling: Sampling | None = None
    max_tokens: int | None = None
    """Of the answer; None: the rest of the context."""
    max_total_tokens: int | None = None
    """Of reasoning and answer together."""
    think: bool | None = None
    thinking_budget_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueMoved:
    """The turn waits; so many others are answered before it."""

    turn_id: str
    ahead: int
    kind: Literal["queue"] = "queue"


@dataclass(frozen=True, slots=True)
class Charged:
    """What the turn cost (None: nothing was computed); comes right before the last event."""

    turn_id: str
    energy: TurnEnergy | None
    from_cache: bool = False
    kind: Literal["charged"] = "charged"


CompletionEvent = TurnEvent | QueueMoved | Charged
CompletionSink = Callable[[CompletionEvent], None]


class Models(Protocol):
    """What is needed of the model library."""

    def ref(self, model_id: str) -> ModelRef:
        """Raises AppError MODEL_MISSING or MODEL_UNKNOWN."""


@dataclass(slots=True)
class _Turn:
    """A turn in the line. Guarded by the service's lock."""

    asked: TurnRequest
    sink: CompletionSink
    meter: TurnMeter
    begun: bool = False
    ended: bool = False
    cancelled: bool = False
    ahead: int | None = None
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)


class CompletionService:
    """Every method may be called from any thread; sinks are called on the engine's thread and must be quick."""

    def __init__(
        self,
        engine: Engine,
        line: Line,
        library: Models,
        energy: EnergyService,
        cache: AnswerCache,
        *,
        settings: Callable[[], Settings],
        enter_ledger: Callable[[Node], None],
        in_words: Callable[[Message], Message] = lambda message: message,
        sees: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Turns go to `engine` through `line`, which all its work goes through. `enter_ledger` writes down an answer.

        `sees` tells whether a model takes images; for one that does not `in_words` puts their readings in their place.
        """
        self._engine, self._line, self._library, self._energy, self._cache = engine, line, library, energy, cache
        line.on_moved(self._tell_positions)
        self._settings, self._enter_ledger = settings, enter_ledger
        self._in_words, self._sees = in_words, sees
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}
        """Turns of this service that run or wait."""

    @property
    def in_line(self) -> int:
        """Turns that run or wait."""
        return len(self._turns)

    def model(self) -> ModelRef:
        """Who answers. Raises AppError MODEL_MISSING or MODEL_UNKNOWN."""
        return self._library.ref(self._settings().model_id)

    def start(self, request: CompletionRequest, sink: CompletionSink) -> str:
        """Begin an answer, or put it in the line; returns the turn's id.

        The last event that `sink` gets is `Finished` or `Failed`. Raises AppError: BUSY when as many wait as the
        settings allow, MODEL_MISSING or MODEL_UNKNOWN, BAD_INPUT without a word to answer.
        """
        settings, model = self._settings(), self.model()
        decision = self._energy.decide()
        asked = self._turn_request(request, settings, model, decision.tier)
        cached = self._cache.find(asked, _CACHE_OWNER) if decision.reuse_cached_answers else None
        if cached is not None:
            self._answer_from_cache(asked, cached, sink, decision.max_new_tokens)
            return asked.turn_id
        turn = self._join_line(asked, sink, settings.service_max_waiting, decision.max_new_tokens)
        try:
            self._line.submit(capped(asked, decision.max_new_tokens), lambda event: self._take(turn, event))
        except AppError as error:
            self._take(turn, Failed(asked.turn_id, error.report))
        self._tell_positions()
        if turn.cancelled:  # the first cancel may have come before the engine knew the turn
            self._engine.cancel(asked.turn_id)
        return asked.turn_id

    def cancel(self, turn_id: str) -> None:
        """End it within a token; unknown ids are ignored."""
        with self._lock:
            turn = self._turns.get(turn_id)
            if turn is None:
                return
            turn.cancelled = True
        self._engine.cancel(turn_id)

    def cancel_all(self) -> None:
        """End every answer of this service."""
        with self._lock:
            turn_ids = list(self._turns)
        for turn_id in reversed(turn_ids):  # the last first: none begins that is to end at once
            self.cancel(turn_id)

    # -- inside

    def _turn_request(self, request: CompletionRequest, settings: Settings, model: ModelRef, tier: Tier) -> TurnRequest:
        messages = merged(request.messages)
        if all(message.role is Role.SYSTEM for message in messages):
            raise _nothing_asked()
        readable = self._readable(messages, model)
        asked = TurnRequest(
            turn_id=uuid.uuid4().hex,
            model=model,
            messages=readable,
            seen=() if readable is messages else messages,
            tier=tier,
            sampling=request.sampling or sampling_of(settings),
            max_tokens=request.max_tokens,
            think=settings.think if request.think is None else request.think,
            thinking_budget_tokens=request.thinking_budget_tokens or settings.thinking_budget_tokens,
            stop=request.stop,
        )
        return capped(asked, request.max_total_tokens)

    def _readable(self, messages: tuple[Message, ...], model: ModelRef) -> tuple[Message, ...]:
        """The messages as the model can take them."""
        if not any(map(_has_images, messages)) or self._sees(model.model_id):
            return messages
        return tuple(map(self._in_words, messages))

    def _join_line(self, asked: TurnRequest, sink: CompletionSink, max_waiting: int, cap: int | None) -> _Turn:
        with self._lock:
            if len(self._turns) > max_waiting:  # one is answered, the others wait
                raise _line_is_full(max_waiting)
            turn = _Turn(asked, sink, self._energy.begin(asked.tier, cap=cap))
            self._turns[asked.turn_id] = turn
        return turn

    def _answer_from_cache(
        self, asked: TurnRequest, cached: CachedAnswer, sink: CompletionSink, cap: int | None
    ) -> None:
        energy = self._energy.reused(cached.tier, cap)
        self._enter(asked, energy, None, from_cache=True)
        turn_id = asked.turn_id
        if cached.reasoning:
            sink(ReasoningDelta(turn_id, cached.reasoning, 0))
        sink(TextDelta(turn_id, cached.text, 0))
        sink(Charged(turn_id, energy, from_cache=True))
        nothing = Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, cached.tier, asked.sampling.seed or 0, 0, Memory(0, 0, 0))
        sink(Finished(turn_id, cached.finish, nothing))

    def _take(self, turn: _Turn, event: TurnEvent) -> None:
        """One event; called on the engine's worker thread."""
        with self._lock:
            if turn.ended:
                return
            begins = not turn.begun and not _is_waiting(event)
            turn.begun = turn.begun or begins
            turn.ended = isinstance(event, Finished | Failed)
        self._energy.take(turn.meter, event)
        match event:
            case TextDelta(text=text):
                turn.text.append(text)
            case ReasoningDelta(text=text):
                turn.reasoning.append(text)
            case _:
                pass
        if isinstance(event, Finished | Failed):
            self._end(turn, event)
        turn.sink(event)

    def _end(self, turn: _Turn, last: Finished | Failed) -> None:
        with self._lock:
            self._turns.pop(turn.asked.turn_id, None)
        energy = self._energy.end(turn.meter)
        if isinstance(last, Finished) and last.reason is not FinishReason.CANCELLED:
            self._cache.keep(turn.asked, _node(turn, last), private=True)
        if energy is not None:
            self._enter(turn.asked, energy, last.usage, from_cache=False)
        turn.sink(Charged(turn.asked.turn_id, energy))

    def _enter(self, asked: TurnRequest, energy: TurnEnergy, usage: Usage | None, *, from_cache: bool) -> None:
        node = Node(
            asked.turn_id,
            _CACHE_OWNER,
            None,
            Role.ASSISTANT,
            (),
            time.time(),
            model_id=asked.model.model_id,
            usage=usage,
            energy=energy,
            from_cache=from_cache,
        )
        try:
            self._enter_ledger(node)
        except AppError:  # a line less in the ledger must not cost the answer
            log.exception("the ledger could not be written")

    def _tell_positions(self) -> None:
        """Tell every waiting turn whose place changed; what the window asked for counts, too."""
        with self._lock:
            waiting = [(turn, self._line.ahead(turn_id)) for turn_id, turn in self._turns.items()]
            news = [(turn, ahead) for turn, ahead in waiting if _moved(turn, ahead)]
            for turn, ahead in news:
                turn.ahead = ahead
        for turn, ahead in news:
            if ahead:
                turn.sink(QueueMoved(turn.asked.turn_id, ahead))


def merged(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Neighbours of one role as one message (many chat templates insist on turns); the system's words come first.

    Blank messages say nothing and are left out.
    """
    said = [message for message in messages if message.text.strip() or _has_images(message)]
    ordered = [m for m in said if m.role is Role.SYSTEM] + [m for m in said if m.role is not Role.SYSTEM]
    return tuple(_joined(list(group)) for _, group in groupby(ordered, key=lambda message: message.role))


def sampling_of(settings: Settings) -> Sampling:
    """The sampling that the settings ask for."""
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
        min_p=settings.min_p,
        repetition_penalty=settings.repetition_penalty,
    )


def _joined(messages: list[Message]) -> Message:
    parts = list(messages[0].parts)
    for message in messages[1:]:
        parts += [TextPart("\n\n"), *message.parts]
    return Message(messages[0].role, tuple(parts), "\n\n".join(m.reasoning for m in messages if m.reasoning))


def _has_images(message: Message) -> bool:
    return any(isinstance(part, ImagePart) for part in message.parts)


def _is_waiting(event: TurnEvent) -> bool:
    return isinstance(event, PhaseChanged) and event.phase is Phase.QUEUED


def _moved(turn: _Turn, ahead: int) -> bool:
    return not turn.begun and turn.ahead != ahead


def _node(turn: _Turn, last: Finished) -> Node:
    """The answer as the cache takes it."""
    return Node(
        turn.asked.turn_id,
        _CACHE_OWNER,
        None,
        Role.ASSISTANT,
        (TextPart("".join(turn.text)),),
        time.time(),
        state=NodeState.COMPLETE,
        reasoning="".join(turn.reasoning),
        usage=last.usage,
        finish=last.reason,
    )


def _line_is_full(max_waiting: int) -> AppError:
    return AppError(
        ErrorCode.BUSY,
        msg("{count} requests wait already, as many as the settings allow.", count=max_waiting),
        msg("Try again in a moment."),
    )


def _nothing_asked() -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The messages have no word to answer."),
        msg("Send at least one message of the user with text or an image."),
    )
