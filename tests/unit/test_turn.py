"""One answer, made by a model that recites: events, limits, cancel, thinking, tiers and what is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

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
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime import generate
from autoglm_desktop.engine.runtime.contracts import Cache
from autoglm_desktop.engine.runtime.generate import LEAST_ROOM_TOKENS, LoadedModel, Turn, TurnPorts
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.engine.runtime.sessions import SessionPool
from tests.helpers.tiny_model import (
    CHATML,
    THINKING_CHATML,
    Recital,
    TinyCache,
    TinyDecoder,
    echo,
    recite,
    write_tiny_model,
)

REF = ModelRef("tiny", "")


def asking(text: str, **changes: Any) -> TurnRequest:
    request = TurnRequest("t1", REF, (Message.of(Role.USER, text),), Tier.INT8, Sampling(temperature=0))
    return replace(request, **changes)


@dataclass
class Stage:
    """A model, and the process around a turn."""

    bundle: TokenizerBundle
    decoder: TinyDecoder
    pool: SessionPool[Cache]
    events: list[TurnEvent] = field(default_factory=list)
    cancelled: Callable[[], bool] = lambda: False
    tiers: list[Tier | None] = field(default_factory=list)
    refused: list[ErrorReport] = field(default_factory=list)
    switch_failure: AppError | None = None
    switch_cancelled: bool = False

    def run(self, request: TurnRequest) -> tuple[FinishReason, Usage]:
        self.events.clear()
        model = LoadedModel(REF, self.bundle, self.decoder, self.pool)
        ports = TurnPorts(
            emit=self.events.append,
            cancelled=self._is_cancelled,
            take_tier=lambda: self.tiers.pop(0) if self.tiers else None,
            switch=self._switch,
            refuse=self.refused.append,
            memory=lambda: Memory(1, 2, 3),
        )
        turn = Turn(request, model, ports, load_s=0.5)
        return turn.run(), turn.usage()

    def _is_cancelled(self) -> bool:
        return self.cancelled()

    def _switch(self, tier: Tier) -> float | None:
        if self.switch_failure is not None:
            raise self.switch_failure
        if self.switch_cancelled:
            self.cancelled = lambda: True
            return None
        self.decoder.switch(tier, lambda _: None)
        return 0.25

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, ReasoningDelta))

    @property
    def phases(self) -> list[Phase]:
        return [e.phase for e in self.events if isinstance(e, PhaseChanged)]


@pytest.fixture
def stage_of(tmp_path: Path) -> Callable[..., Stage]:
    def make(recital: Recital = echo, context_tokens: int = 4096, template: str = CHATML) -> Stage:
        bundle = TokenizerBundle.load(write_tiny_model(tmp_path, template))
        decoder = TinyDecoder(bundle, recital, context_tokens=context_tokens)
        return Stage(bundle, decoder, SessionPool(TinyCache, 1 << 30))

    return make


def test_an_answer_streams_and_ends(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    reason, usage = stage.run(asking("你好😀"))
    assert (reason, stage.text, stage.reasoning) == (FinishReason.STOP, "你好😀", "")
    assert [e.text for e in stage.events if isinstance(e, TextDelta)] == ["你", "好", "😀"]
    assert [e.tokens for e in stage.events if isinstance(e, TextDelta)] == [3, 3, 4]
    assert stage.phases == [Phase.PREFILL, Phase.PREFILL, Phase.GENERATING]
    prompt = stage.bundle.encode(stage.bundle.prompt(asking("你好😀").messages, think=False).text)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (len(prompt), 0, 11)
    assert (usage.reasoning_tokens, usage.load_s, usage.tier) == (0, 0.5, Tier.INT8)
    assert (usage.context_tokens, usage.memory) == (4096, Memory(1, 2, 3))
    assert 0 < usage.prefill_s <= usage.ttft_s
    assert usage.decode_s > 0


def test_the_next_turn_reuses_the_whole_history(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    first = asking("你好, are you there?")
    _, usage_1 = stage.run(first)
    history = (*first.messages, Message.of(Role.ASSISTANT, stage.text), Message.of(Role.USER, "And now?"))
    _, usage_2 = stage.run(asking("", messages=history))
    assert stage.text == "And now?"
    assert usage_2.cached_tokens == usage_1.prompt_tokens + usage_1.completion_tokens - 1
    _, again = stage.run(asking("", messages=history))
    assert again.cached_tokens == again.prompt_tokens - 1


def test_a_long_prompt_is_read_in_chunks_with_fractions(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.run(asking("x" * 700))
    fractions = [e.fraction for e in stage.events if isinstance(e, PhaseChanged) and e.phase is Phase.PREFILL]
    assert fractions[0] == 0.0
    assert len(fractions) == 4
    assert fractions[1:] == sorted(f for f in fractions[1:] if f is not None)
    assert max(len(step) for step in stage.decoder.forwarded) == 256


def test_cancel_during_the_prompt(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.cancelled = lambda: len(stage.decoder.forwarded) == 2
    reason, usage = stage.run(asking("x" * 2000))
    assert (reason, usage.completion_tokens, stage.text) == (FinishReason.CANCELLED, 0, "")
    assert len(stage.decoder.forwarded) == 2
    assert (usage.fresh_tokens, usage.prompt_tokens > 1000) == (512, True)
    stage.cancelled = lambda: False
    _, usage = stage.run(asking("x" * 2000))
    assert usage.cached_tokens == 512  # what was read is not read again


def test_cancel_ends_within_one_token(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.cancelled = lambda: stage.text.count("l") == 1
    reason, usage = stage.run(asking("hello world"))
    assert (reason, stage.text, usage.completion_tokens) == (FinishReason.CANCELLED, "hel", 3)


def test_max_tokens_bounds_the_answer(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    assert stage.run(asking("endless", max_tokens=5))[0] is FinishReason.LENGTH
    assert stage.text == "endle"


def test_a_character_that_the_limit_cuts_through_is_left_out(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.run(asking("你好", max_tokens=4))
    assert stage.text == "你"


def test_the_context_ends_the_answer(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(context_tokens=200)
    reason, usage = stage.run(asking("endless", max_tokens=1000))
    assert reason is FinishReason.LENGTH
    assert usage.prompt_tokens + usage.completion_tokens == 200


def test_without_a_limit_only_the_context_ends_the_answer(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(context_tokens=2000)
    reason, usage = stage.run(asking("endless", max_tokens=None))
    assert reason is FinishReason.LENGTH
    assert usage.prompt_tokens + usage.completion_tokens >= 2000


def test_without_a_limit_a_full_context_says_what_an_answer_needs(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(context_tokens=100)
    with pytest.raises(AppError) as caught:
        stage.run(asking("x" * 60, max_tokens=None))
    report = caught.value.report
    assert report.code is ErrorCode.CONTEXT_FULL
    assert report.cause.params["room_tokens"] == LEAST_ROOM_TOKENS
    assert "None" not in report.line()


def test_a_full_context_is_an_error_with_figures(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(context_tokens=100)
    with pytest.raises(AppError) as caught:
        stage.run(asking("x" * 60, max_tokens=1000))
    report = caught.value.report
    assert report.code is ErrorCode.CONTEXT_FULL
    assert (report.cause.params["context_tokens"], report.cause.params["room_tokens"]) == (100, 1000)
    assert isinstance(taken := report.cause.params["prompt_tokens"], int)
    assert taken > 60
    assert stage.decoder.forwarded == []


def test_a_short_answer_fits_where_a_long_one_does_not(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(context_tokens=100)
    assert stage.run(asking("x" * 60, max_tokens=3))[0] is FinishReason.LENGTH
    assert LEAST_ROOM_TOKENS > 3


def test_stop_strings_are_not_shown(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    reason, _ = stage.run(asking("one STOP two", stop=("STOP", "never")))
    assert (reason, stage.text) == (FinishReason.STOP, "one ")


def test_what_only_begins_like_a_stop_string_is_shown(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.run(asking("one STO", stop=("STOP",)))
    assert stage.text == "one STO"


def test_a_model_that_can_think_does_it_before_the_answer(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(template=THINKING_CHATML)
    reason, usage = stage.run(asking("why?", think=True))
    assert (reason, stage.reasoning, stage.text) == (FinishReason.STOP, "hm, why?", "why?")
    assert stage.phases[-2:] == [Phase.THINKING, Phase.GENERATING]
    # The thought ends when its mark is complete; the empty lines after it are the model's, and no longer thought.
    assert usage.reasoning_tokens == len("hm, why?</think>")
    assert usage.completion_tokens == len("hm, why?</think>\n\nwhy?") + 1


def test_a_model_that_cannot_thinks_aloud_and_then_answers(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    reason, usage = stage.run(asking("why?", think=True))
    assert (reason, stage.reasoning, stage.text) == (FinishReason.STOP, "hm, why?", "why?")
    assert stage.phases[-2:] == [Phase.THINKING, Phase.GENERATING]
    assert usage.reasoning_tokens == len("hm, why?") + 1  # its end of turn
    assert usage.completion_tokens == len("hm, why?") + 1 + len("why?") + 1
    assert stage.run(asking("why?"))[1].cached_tokens > len("<|im_start|>user\nwhy?") - 12  # the question is shared


def thinks_on(prompt: str, said: bytes) -> str | None:
    """Thinks for ever, and answers only when it is led to it."""
    if "directly" in prompt:
        return recite("Yes", said)
    return recite("Yes", said.rpartition(b"\n")[2]) if b"</think>" in said else "x"


@pytest.mark.parametrize("template", [CHATML, THINKING_CHATML])
def test_the_thinking_budget_ends_the_thought(stage_of: Callable[..., Stage], template: str) -> None:
    stage = stage_of(thinks_on, template=template)
    reason, usage = stage.run(asking("why?", think=True, thinking_budget_tokens=7))
    assert (reason, stage.reasoning, stage.text) == (FinishReason.STOP, "xxxxxxx", "Yes")
    assert usage.reasoning_tokens == 7
    assert usage.completion_tokens == 7 + len("Yes") + 1


@pytest.mark.parametrize("template", [CHATML, THINKING_CHATML])
def test_thinking_leaves_room_for_the_answer(stage_of: Callable[..., Stage], template: str) -> None:
    stage = stage_of(thinks_on, 360, template=template)
    reason, _ = stage.run(asking("why?", think=True, thinking_budget_tokens=1000))
    assert (reason, stage.text) == (FinishReason.STOP, "Yes")


def test_a_model_that_ends_while_thinking_still_answers(stage_of: Callable[..., Stage]) -> None:
    def recital(prompt: str, said: bytes) -> str | None:
        thought, closed, answer = said.partition(b"\n</think>\n\n")
        return recite("Yes", answer) if closed else recite("<think>\nshort", thought)

    stage = stage_of(recital, template=THINKING_CHATML)
    reason, _ = stage.run(asking("why?", think=True))
    assert (reason, stage.reasoning, stage.text) == (FinishReason.STOP, "short", "Yes")


def test_no_answer_is_not_an_answer(stage_of: Callable[..., Stage]) -> None:
    """Led to its answer, a model may not end without a word."""
    stage = stage_of(lambda prompt, said: recite("all thought", said) if "directly" not in prompt else None)
    _, usage = stage.run(asking("why?", think=True))
    assert stage.reasoning == "all thought"
    assert usage.completion_tokens == len("all thought") + 3  # its end, a token that it was made to say, and the end


def test_a_thought_that_nobody_asked_for_is_told_apart(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(lambda prompt, said: recite("<think>\nhm\n</think>\n\nYes", said))
    _, usage = stage.run(asking("why?"))
    assert (stage.reasoning, stage.text) == ("hm", "Yes")
    assert usage.reasoning_tokens > 0


@pytest.mark.parametrize("max_tokens", [1, 8, 9, 40, 700])
def test_a_thought_that_nobody_asked_for_is_paid_with_the_tokens_of_the_answer(
    stage_of: Callable[..., Stage], max_tokens: int
) -> None:
    def recital(prompt: str, said: bytes) -> str | None:
        thought, closed, answer = said.partition(b"\n</think>\n\n")
        return recite("Yes, " * 200, answer) if closed else recite("<think>\n" + "x" * 2000, thought)

    stage = stage_of(recital)
    reason, usage = stage.run(asking("why?", max_tokens=max_tokens))
    assert (reason, usage.completion_tokens) == (FinishReason.LENGTH, max_tokens)
    assert max_tokens < 40 or stage.text.startswith("Yes, ")


def test_a_tier_changes_between_two_tokens_and_keeps_the_cache(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.tiers = [None, None, None, None, Tier.INT4]
    _, usage = stage.run(asking("hello"))
    switches = [e for e in stage.events if isinstance(e, TierSwitched)]
    assert stage.text == "hello"
    assert usage.tier is Tier.INT4
    assert switches == [TierSwitched("t1", Tier.INT8, Tier.INT4, 0.25, usage.prompt_tokens + 2)]
    assert sum(len(step) for step in stage.decoder.forwarded) == usage.prompt_tokens + 5  # nothing twice


NO_MEMORY = AppError(ErrorCode.OUT_OF_MEMORY, msg("Too large."), msg("Use INT4."), suggested_tier=Tier.INT4.value)


@pytest.mark.parametrize("failure", [None, NO_MEMORY])
def test_a_change_of_tier_is_not_decoding(
    stage_of: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, failure: AppError | None
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(generate, "time", SimpleNamespace(perf_counter=lambda: now_s[0]))
    stage = stage_of()
    forward, switch = stage.decoder.forward, stage._switch

    def compute(tokens: Sequence[int], cache: TinyCache) -> torch.Tensor:
        now_s[0] += 1.0
        return forward(tokens, cache)

    def take_long(tier: Tier) -> float | None:
        now_s[0] += 100.0
        return switch(tier)

    monkeypatch.setattr(stage.decoder, "forward", compute)
    monkeypatch.setattr(stage, "_switch", take_long)
    stage.tiers, stage.switch_failure = [None, None, None, None, Tier.INT4], failure
    _, usage = stage.run(asking("hello"))
    assert usage.decode_s == usage.completion_tokens - 1


def test_a_tier_that_cannot_be_had_does_not_cost_the_answer(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.tiers, stage.switch_failure = [None, None, None, Tier.FP16], NO_MEMORY
    reason, usage = stage.run(asking("hello"))
    assert (reason, stage.text, usage.tier) == (FinishReason.STOP, "hello", Tier.INT8)
    assert stage.refused == [NO_MEMORY.report]


def test_a_tier_that_was_asked_for_from_the_start_is_not_replaced(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.switch_failure = NO_MEMORY
    with pytest.raises(AppError, match="Too large"):
        stage.run(asking("hello", tier=Tier.FP16))


@pytest.mark.parametrize("tiers", [[Tier.FP16], [None, None, None, Tier.FP16]])
def test_cancel_while_a_tier_is_made(stage_of: Callable[..., Stage], tiers: list[Tier | None]) -> None:
    stage = stage_of()
    stage.tiers, stage.switch_cancelled = tiers, True
    reason, usage = stage.run(asking("hello"))
    assert (reason, usage.tier) == (FinishReason.CANCELLED, Tier.INT8)
    assert not any(isinstance(e, TierSwitched) for e in stage.events)


def test_a_turn_in_another_tier_switches_first(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.run(asking("hello"))
    _, usage = stage.run(asking("hello", tier=Tier.FP16))
    (switch,) = [e for e in stage.events if isinstance(e, TierSwitched)]
    assert (switch.to_tier, switch.kv_kept_tokens) == (Tier.FP16, usage.cached_tokens)
    assert usage.cached_tokens > 0
    assert usage.load_s == 0.5, "the event tells of the switch; the phone reads those weights once"


def test_the_seed_is_reported(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    assert stage.run(asking("a", sampling=Sampling(seed=5)))[1].seed == 5
    seeds = {stage.run(asking("a", sampling=Sampling()))[1].seed for _ in range(4)}
    assert len(seeds) > 1
