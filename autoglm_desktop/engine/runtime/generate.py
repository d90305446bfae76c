"""One answer: prompt, prefill, then token by token until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import (
    FinishReason,
    Memory,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TierSwitched,
    TurnEvent,
    Usage,
)
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.thinking import Piece

from .contracts import Cache, Decoder, Stopped
from .decoder import PREFILL_CHUNK_TOKENS
from .encoding import TooLong
from .prompt import TokenizerBundle
from .reasoning import Prompt
from .sampling import Sampler, choose_seed
from .sessions import SessionPool
from .stream import OutputStream

if TYPE_CHECKING:
    import torch

LEAST_ROOM_TOKENS = 64
"""A prompt must leave this much of the context for the answer (or all that was asked for, if that is less)."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    ref: ModelRef
    bundle: TokenizerBundle
    decoder: Decoder[Cache]
    pool: SessionPool[Cache]


@dataclass(frozen=True, slots=True)
class TurnPorts:
    """What a turn may ask of the process around it. All of it is called between two steps of the model."""

    emit: Callable[[TurnEvent], None]
    cancelled: Callable[[], bool]
    take_tier: Callable[[], Tier | None]
    """The tier that the user changed to since the last call, or None."""
    switch: Callable[[Tier], float | None]
    """Change the tier; the seconds that it took, or None when the turn was cancelled meanwhile. Raises AppError."""
    refuse: Callable[[ErrorReport], None]
    """Tell why a change of tier was not made; the turn goes on without it."""
    memory: Callable[[], Memory]


@dataclass(slots=True)
class _Measures:
    """Counts and times (seconds) of a turn under way."""

    began_s: float
    prompt_tokens: int = 0
    cached_tokens: int = 0
    prefilled_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    ttft_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    switch_s: float = 0.0
    """Spent on changes of tier since the first token: they are no decoding."""


class Turn:
    """Makes one answer with `run`, on the thread that calls it; `usage` tells what it took, also after a failure."""

    def __init__(self, request: TurnRequest, model: LoadedModel, ports: TurnPorts, *, load_s: float) -> None:
        self._request = request
        self._decoder = model.decoder
        self._bundle = model.bundle
        self._pool = model.pool
        self._ports = ports
        self._load_s = load_s
        self._measures = _Measures(began_s=time.perf_counter())
        self._ends = model.bundle.ends(model.decoder.config.eos_token_ids)
        self._stream = OutputStream(model.bundle, request.stop, thinking=request.think)
        self._seed = choose_seed(request.sampling)
        unasked = request.thinking_budget_tokens
        if request.max_tokens is not None:
            unasked = min(unasked, request.max_tokens // 2)
        self._thinking_budget = request.thinking_budget_tokens if request.think else unasked
        """A thought that nobody asked for leaves half of the room to the answer."""
        self._bridge: list[int] = []
        self._must_speak = False
        """The model was led to its answer: ending without a word is not allowed."""
        self._pending_tokens = 0
        self._answer_tokens = 0

    def run(self) -> FinishReason:
        """Raises AppError: TEMPLATE_BROKEN, CONTEXT_FULL, ENGINE_FAILED, and what a change of tier raises."""
        try:
            prompt = self._prompt()
        except Stopped:
            return FinishReason.CANCELLED
        sampler = Sampler(self._request.sampling, prompt, self._seed)
        with self._pool.lease(prompt) as lease:
            self._measures.cached_tokens = lease.cached
            self._start_tier(lease.cache)
            logits = self._prefill(prompt[lease.cached :], lease.cache)
            return FinishReason.CANCELLED if logits is None else self._decode(logits, lease.cache, sampler)

    def usage(self) -> Usage:
        m = self._measures
        return Usage(
            prompt_tokens=m.prompt_tokens,
            cached_tokens=m.cached_tokens,
            completion_tokens=m.completion_tokens,
            reasoning_tokens=m.reasoning_tokens,
            load_s=self._load_s,
            ttft_s=m.ttft_s,
            prefill_s=m.prefill_s,
            decode_s=m.decode_s,
            tier=self._decoder.tier,
            seed=self._seed,
            context_tokens=self._decoder.config.context_tokens,
            memory=self._ports.memory(),
            prefilled_tokens=m.prefilled_tokens,
        )

    def _prompt(self) -> list[int]:
        self._phase(Phase.PREFILL, 0.0)
        prompt = self._rendered()
        tokens, self._bridge = self._bundle.encode(prompt.text), self._bundle.encode(prompt.bridge)
        self._measures.prompt_tokens = len(tokens)
        context = self._decoder.config.context_tokens
        room = self._room()
        least = LEAST_ROOM_TOKENS if room is None else min(room, LEAST_ROOM_TOKENS)
        if len(tokens) + least > context:
            raise context_full(len(tokens), context, room)
        self._thinking_budget = min(
            self._thinking_budget, context - len(tokens) - len(self._bridge) - LEAST_ROOM_TOKENS
        )
        return tokens

    def _rendered(self) -> Prompt:
        """The text of the prompt. Raises Stopped, and AppError for what is far too long, before it is encoded."""
        context = self._decoder.config.context_tokens
        try:
            self._bundle.check_characters(self._request.messages, context)
            prompt = self._bundle.prompt(self._request.messages, think=self._request.think, check=self._check)
            self._bundle.check_length(prompt.text, context, self._check)
        except TooLong as far:
            raise context_exceeded(far, context, self._room()) from None
        return prompt

    def _check(self) -> None:
        if self._ports.cancelled():
            raise Stopped

    def _room(self) -> int | None:
        """New tokens at most, reasoning and answer together; None: only the context bounds them."""
        if self._request.max_tokens is None:
            return None
        budget = self._request.thinking_budget_tokens if self._request.think else 0
        return self._request.max_tokens + budget

    def _prefill(self, tokens: list[int], cache: Cache) -> torch.Tensor | None:
        """Logits after the prompt, or None when the turn was cancelled on the way."""
        logits = None
        for start in range(0, len(tokens), PREFILL_CHUNK_TOKENS):
            if self._ports.cancelled():
                return None
            self._switch_if_asked(cache)
            self._phase(Phase.PREFILL, start / len(tokens))
            began_s = time.perf_counter()
            logits = self._decoder.forward(tokens[start : start + PREFILL_CHUNK_TOKENS], cache)
            self._measures.prefill_s += time.perf_counter() - began_s
            self._measures.prefilled_tokens += len(tokens[start : start + PREFILL_CHUNK_TOKENS])
        self._pool.shrink()
        return logits

    def _decode(self, logits: torch.Tensor, cache: Cache, sampler: Sampler) -> FinishReason:
        first_s = 0.0
        self._talk_phase()
        while True:
            if self._ports.cancelled():
                self._bundle.remember(cache.tokens)
                return self._end(FinishReason.CANCELLED)
            token = sampler.pick(logits, self._ends if self._must_speak else ())
            self._must_speak = False
            first_s = first_s or self._first_token()
            self._measures.decode_s = time.perf_counter() - first_s - self._measures.switch_s
            step, reason = self._accept(token)
            reason = reason or self._limit(cache.length + len(step))
            if reason is not None:
                self._bundle.remember([*cache.tokens, *step])
                return self._end(reason)
            began_s = time.perf_counter()
            if self._switch_if_asked(cache):
                self._talk_phase()
                self._measures.switch_s += time.perf_counter() - began_s
            logits = self._decoder.forward(step, cache)

    def _first_token(self) -> float:
        now_s = time.perf_counter()
        self._measures.ttft_s = now_s - self._measures.began_s
        return now_s

    def _accept(self, token: int) -> tuple[list[int], FinishReason | None]:
        """Take a sampled token: what to compute next, or why the answer ends with it."""
        over = token in self._ends
        self._count()
        if self._stream.in_thought():
            return self._think(token, over), None
        if over:
            return [], FinishReason.STOP
        self._answer_tokens += 1
        self._emit(self._stream.feed(token))
        if self._stream.in_thought():  # the model opened a thought by itself
            self._talk_phase()
        return [token], FinishReason.STOP if self._stream.stopped or self._stream.ended else None

    def _think(self, token: int, over: bool) -> list[int]:
        """A token of the reasoning. We close it where the model would end its turn or has used up its budget."""
        self._measures.reasoning_tokens += 1
        step = [] if over else [token]
        self._emit([] if over else self._stream.feed(token))
        over = over or self._stream.ended
        spent = self._measures.reasoning_tokens >= self._thinking_budget
        if self._stream.in_thought() and (over or spent):
            self._emit(self._stream.close_thought())
            step += self._bridge
            self._must_speak = True
        if not self._stream.in_thought():
            self._talk_phase()
        return step

    def _talk_phase(self) -> None:
        self._phase(Phase.THINKING if self._stream.in_thought() else Phase.GENERATING)

    def _limit(self, length: int) -> FinishReason | None:
        """Why the answer ends when the cache would hold `length` tokens after the next step."""
        full = length >= self._decoder.config.context_tokens
        most, room = self._request.max_tokens, self._room()
        said = most is not None and self._answer_tokens >= most
        spent = room is not None and self._measures.completion_tokens >= room
        return FinishReason.LENGTH if full or said or spent else None

    def _count(self) -> None:
        self._measures.completion_tokens += 1
        self._pending_tokens += 1

    def _end(self, reason: FinishReason) -> FinishReason:
        self._emit(self._stream.finish())
        return reason

    def _emit(self, pieces: Iterable[Piece]) -> None:
        """Tell the text; tokens that showed nothing yet are counted with the next piece."""
        for piece in pieces:
            delta = ReasoningDelta if piece.reasoning else TextDelta
            self._ports.emit(delta(self._request.turn_id, piece.text, self._pending_tokens))
            self._pending_tokens = 0

    def _phase(self, phase: Phase, fraction: float | None = None) -> None:
        self._ports.emit(PhaseChanged(self._request.turn_id, phase, fraction))

    def _start_tier(self, cache: Cache) -> None:
        """Begin in the tier of the request, or in the one that was chosen since; that is no part of the `ttft_s`."""
        self._measures.began_s += self._switch(self._ports.take_tier() or self._request.tier, cache) or 0.0

    def _switch_if_asked(self, cache: Cache) -> bool:
        """A tier that cannot be had does not cost the answer: it goes on in the old one."""
        new = self._ports.take_tier()
        try:
            return new is not None and self._switch(new, cache) is not None
        except AppError as error:
            self._ports.refuse(error.report)
            return True

    def _switch(self, new: Tier, cache: Cache) -> float | None:
        """Seconds that it took; None when nothing changed."""
        old = self._decoder.tier
        seconds = None if new is old else self._ports.switch(new)
        if seconds is not None:
            self._ports.emit(TierSwitched(self._request.turn_id, old, new, seconds, cache.length))
        return seconds


def context_exceeded(far: TooLong, context_tokens: int, room_tokens: int | None) -> AppError:
    """The prompt is so long that it was not counted to its end."""
    return AppError(
        ErrorCode.CONTEXT_FULL,
        msg(
            "The conversation takes more than {prompt_tokens} tokens (by its length about {about_tokens}); with "
            "{room_tokens} for the answer that is more than the model's {context_tokens}.",
            prompt_tokens=far.least_tokens,
            room_tokens=LEAST_ROOM_TOKENS if room_tokens is None else room_tokens,
            context_tokens=context_tokens,
            about_tokens=far.about_tokens,
        ),
        msg("Leave out the oldest messages, shorten the prompt or start a new conversation."),
    )


def context_full(prompt_tokens: int, context_tokens: int, room_tokens: int | None) -> AppError:
    """The prompt does not leave room for an answer; `room_tokens` None: the answer has no bound of its own."""
    cause = (
        msg(
            "The conversation takes {prompt_tokens} tokens and an answer needs at least {room_tokens}; the model holds "
            "{context_tokens}.",
            prompt_tokens=prompt_tokens,
            room_tokens=LEAST_ROOM_TOKENS,
            context_tokens=context_tokens,
        )
        if room_tokens is None
        else msg(
            "The conversation takes {prompt_tokens} tokens and the answer may take {room_tokens}; the model holds "
            "{context_tokens}.",
            prompt_tokens=prompt_tokens,
            room_tokens=room_tokens,
            context_tokens=context_tokens,
        )
    )
    return AppError(
        ErrorCode.CONTEXT_FULL,
        cause,
        msg("Leave out the oldest messages, shorten the prompt or start a new conversation."),
    )
