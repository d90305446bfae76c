"""What a checkpoint says about its decoder: one description for every architecture, each figure within bounds.

The bounds hold for every decoder that is built or converted, so that a wrong or hostile figure is refused before memory
is taken for it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_VALIDATED = ConfigDict(strict=True, allow_inf_nan=False)

RopeKind = Literal["default", "linear", "llama3", "yarn"]
Layers = Annotated[int, Field(ge=1, le=1 << 14)]
Heads = Annotated[int, Field(ge=1, le=1 << 12)]
Width = Annotated[int, Field(ge=1, le=1 << 20)]
HeadDim = Annotated[int, Field(ge=2, le=1 << 13, multiple_of=2)]
Vocabulary = Annotated[int, Field(ge=1, le=1 << 22)]
ContextTokens = Annotated[int, Field(ge=1, le=1 << 25)]
Epsilon = Annotated[float, Field(ge=0.0, lt=1.0)]
Theta = Annotated[float, Field(gt=1.0, le=1e15)]
Positive = Annotated[float, Field(gt=0.0, le=1e9)]
Factor = Annotated[float, Field(ge=1.0, le=1e6)]


@dataclass(frozen=True, slots=True, config=_VALIDATED)
class RopeConfig:
    """Rotary position embedding. `rotary_dim` is how many of a head's dimensions turn: all, unless it is partial."""

    theta: Theta
    rotary_dim: HeadDim
    kind: RopeKind = "default"
    factor: Factor = 1.0
    original_context_tokens: Annotated[int, Field(ge=0, le=1 << 25)] = 0
    low_freq_factor: Positive = 1.0
    high_freq_factor: Positive = 4.0
    beta_fast: Positive = 32.0
    beta_slow: Positive = 1.0
    attention_factor: Positive | None = None
    truncate: bool = True


@dataclass(frozen=True, slots=True, config=_VALIDATED)
class ModelConfig:
    """A decoder, described. Sizes count elements; `context_tokens` is the longest sequence it was made for."""

    architecture: str
    n_layers: Layers
    hidden: Width
    intermediate: Width
    n_heads: Heads
    n_kv_heads: Heads
    head_dim: HeadDim
    vocab: Vocabulary
    context_tokens: ContextTokens
    rms_eps: Epsilon
    rope: RopeConfig
    tie_embeddings: bool
    qk_norm: bool
    eos_token_ids: tuple[int, ...]
    qkv_bias: bool = False

    @property
    def q_size(self) -> int:
        return self.n_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        return self.n_kv_heads * self.head_dim

    @property
    def layer_parameters(self) -> int:
        """Weights in the linear layers of one block (norms and biases are not counted: they are tiny)."""
        return self.hidden * (2 * self.q_size + 2 * self.kv_size + 3 * self.intermediate)

    @property
    def head_parameters(self) -> int:
        """Weights in the output head; the embedding table is as large."""
        return self.vocab * self.hidden
