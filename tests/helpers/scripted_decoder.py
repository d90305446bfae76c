"""A decoder that says given tokens, whatever the prompt, and a turn with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autoglm_desktop.core.events import FinishReason, Memory, ReasoningDelta, TextDelta, TurnEvent, Usage
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.contracts import Cache, ProgressSink
from autoglm_desktop.engine.runtime.generate import LoadedModel, Turn, TurnPorts
from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.engine.runtime.sessions import SessionPool
from tests.helpers.tiny_model import TinyCache, TinyConfig

if TYPE_CHECKING:
    import torch

REF = ModelRef("scripted", "")


class ScriptedDecoder:
    """Answers its n-th call with the n-th token of `script`, then with the last one for ever."""

    def __init__(
        self, vocabulary: int, script: Sequence[int], ends: Sequence[int] = (), context_tokens: int = 4096
    ) -> None:
        self._vocabulary = vocabulary
        self._script = list(script)
        self.config = TinyConfig(context_tokens, tuple(ends))
        self.tier = Tier.INT8
        self.weights_bytes = 1
        self.forwarded: list[list[int]] = []

    def switch(self, tier: Tier, on_progress: ProgressSink) -> None:
        self.tier = tier

    def forward(self, tokens: Sequence[int], cache: Cache) -> torch.Tensor:
        import torch

        self.forwarded.append(list(tokens))
        cache.tokens.extend(tokens)
        logits = torch.zeros(self._vocabulary)
        logits[self._script[min(len(self.forwarded), len(self._script)) - 1]] = 50.0
        return logits


@dataclass
class Said:
    """What came of a turn."""

    reason: FinishReason
    usage: Usage
    events: list[TurnEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, ReasoningDelta))


def asking(*messages: Message, **changes: Any) -> TurnRequest:
    talk = messages or (Message.of(Role.USER, "hi"),)
    return TurnRequest("t1", REF, talk, Tier.INT8, Sampling(temperature=0), **({"max_tokens": 200} | changes))


def run(
    bundle: TokenizerBundle,
    decoder: ScriptedDecoder,
    request: TurnRequest | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Said:
    events: list[TurnEvent] = []
    ports = TurnPorts(
        emit=events.append,
        cancelled=cancelled,
        take_tier=lambda: None,
        switch=lambda _: 0.0,
        refuse=lambda _: None,
        memory=lambda: Memory(1, 2, 3),
    )
    pool: SessionPool[Cache] = SessionPool(TinyCache, 1 << 30)
    turn = Turn(request or asking(), LoadedModel(REF, bundle, decoder, pool), ports, load_s=0.0)
    return Said(turn.run(), turn.usage(), events)
