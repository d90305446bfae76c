"""What the engine tells: small immutable events, each with the turn it belongs to.

Events of one turn arrive in order and end with exactly one `Finished` or `Failed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from .errors import ErrorReport
from .perception import ImageRead, ModalityStatus, SpeechHeard, Transcribed
from .precision import Tier
from .routing import AnsweredBy


class Phase(StrEnum):
    """What the engine does for a turn right now."""

    QUEUED = "queued"
    STARTING = "starting"
    """The engine process starts."""
    LOADING = "loading"
    """Weights are read (or packed for a tier for the first time); has a fraction."""
    READING_IMAGE = "reading_image"
    """Images of the prompt are read; the fraction counts them."""
    WRITING_DOWN = "writing_down"
    """Speech is written down."""
    PREFILL = "prefill"
    """The prompt is read; has a fraction."""
    THINKING = "thinking"
    GENERATING = "generating"
    ASKING_CLOUD = "asking_cloud"
    """The request is on its way to the cloud endpoint."""


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes held by the engine process: weights as stored in the tier, KV caches of all sessions, resident set.

    `private_bytes` is the resident set without file-backed pages (mapped weights count as file-backed), or None
    where the platform does not tell.
    """

    weights_bytes: int
    kv_bytes: int
    rss_bytes: int
    private_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took. All times are measured on the engine's monotonic clock, in seconds.

    `prompt_tokens` counts the whole prompt, of which `cached_tokens` came from a session's KV cache.
    `completion_tokens` includes `reasoning_tokens`. `load_s` is what reading the model's weights for this turn took, 0
    for a model that was loaded; what a change of tier took is told by `TierSwitched`. `ttft_s` runs from the start of
    the turn in the engine, after any loading, to the first token. `tier` is the one the last token was computed in.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    load_s: float
    ttft_s: float
    prefill_s: float
    decode_s: float
    tier: Tier
    seed: int
    context_tokens: int
    """Length of the model's context."""
    memory: Memory
    answered_by: AnsweredBy | None = None
    """Set where the cloud answered or should have; then the other figures are the endpoint's, as far as it tells."""
    prefilled_tokens: int | None = None
    """How much of the prompt was computed; None: all that was not cached. Less for a turn that ended before."""

    @property
    def fresh_tokens(self) -> int:
        """Tokens of the prompt that were computed for this turn."""
        left = max(0, self.prompt_tokens - self.cached_tokens)
        return left if self.prefilled_tokens is None else self.prefilled_tokens

    @property
    def prefill_tok_s(self) -> float:
        """Tokens prefilled (not those reused) per second; 0 when nothing was prefilled."""
        return self.fresh_tokens / self.prefill_s if self.prefill_s > 0 else 0.0

    @property
    def decode_tok_s(self) -> float:
        """Decoded tokens per second; the first token belongs to the prefill and is not counted."""
        return (self.completion_tokens - 1) / self.decode_s if self.decode_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    turn_id: str
    phase: Phase
    fraction: float | None = None
    """0 to 1, where it is known."""
    kind: Literal["phase"] = "phase"


@dataclass(frozen=True, slots=True)
class TextDelta:
    turn_id: str
    text: str
    """Whole characters only: a byte sequence that is not complete yet waits."""
    tokens: int = 1
    """Decoded here for it: 0 for what comes from the cloud."""
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    turn_id: str
    text: str
    tokens: int = 1
    kind: Literal["reasoning"] = "reasoning"


@dataclass(frozen=True, slots=True)
class TierSwitched:
    """The tier changed in the middle of a turn or between turns. `kv_kept_tokens` were not computed again."""

    turn_id: str
    from_tier: Tier
    to_tier: Tier
    seconds: float
    kv_kept_tokens: int
    kind: Literal["tier"] = "tier"


@dataclass(frozen=True, slots=True)
class Finished:
    turn_id: str
    reason: FinishReason
    usage: Usage
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn ended early; what was streamed before stays valid. `usage` is None when nothing is known."""

    turn_id: str
    error: ErrorReport
    usage: Usage | None = None
    kind: Literal["failed"] = "failed"


TurnEvent = PhaseChanged | TextDelta | ReasoningDelta | TierSwitched | Finished | Failed
PerceptionEvent = PhaseChanged | ImageRead | SpeechHeard | Transcribed | Failed
"""Of a look or a transcription; `Phase.LOADING` while the modality loads."""


class EngineState(StrEnum):
    STOPPED = "stopped"
    """No process: nothing loaded, no memory held."""
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine as a whole. `load_fraction` while loading; `memory` when the process runs."""

    state: EngineState
    model_id: str | None = None
    tier: Tier | None = None
    load_fraction: float | None = None
    memory: Memory | None = None
    error: ErrorReport | None = None
    """Why the last start or load failed, until the next success."""
    modalities: tuple[ModalityStatus, ...] = ()
    """Those that were loaded at some time in the life of the process."""
    kind: Literal["status"] = "status"
