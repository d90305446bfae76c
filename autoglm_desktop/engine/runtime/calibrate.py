"""What each product of a decoder sees as input on a short text, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from autoglm_desktop import assets

from .block import BlockRunner
from .kernels import Linear
from .weights import PARTS, DecoderTensors, Embedding, Layer

_SEQUENCE_TOKENS = 512


@dataclass(slots=True)
class Inputs:
    """What a product saw: the largest value in each column [in], and the sum of x xᵀ, float32 [in, in], if asked."""

    peak: torch.Tensor
    hessian: torch.Tensor | None

    def add(self, x: torch.Tensor) -> None:
        """Count the rows of `x` [n, in] float32."""
        self.peak = torch.maximum(self.peak, x.abs().amax(dim=0))
        if self.hessian is not None:
            self.hessian.addmm_(x.t(), x)


@dataclass(frozen=True, slots=True)
class _Observed:
    """A product that also tells what it saw."""

    linear: Linear
    seen: Inputs

    @property
    def nbytes(self) -> int:
        return self.linear.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.add(x.float())
        return self.linear(x)


class Calibration:
    """Carries the calibration text through the model layer by layer, so that one layer is in memory at a time."""

    def __init__(self, tensors: DecoderTensors, sequences: list[list[int]]) -> None:
        self._config = tensors.config
        self._run = BlockRunner(tensors.config)
        embedding = Embedding(tensors.embedding())
        self._states = [embedding(torch.tensor(tokens)) for tokens in sequences]

    def observe(self, layer: Layer, *, hessians: bool) -> dict[str, Inputs]:
        """What the next layer's products see, by their names in `PARTS`; empty without a text."""
        if not self._states:
            return {}
        c = self._config
        widths = {"qkv": c.hidden, "output": c.q_size, "gate_up": c.hidden, "down": c.intermediate}
        seen = {
            part: Inputs(torch.zeros(width), torch.zeros((width, width)) if hessians else None)
            for part, width in widths.items()
        }
        observed = layer.with_linears({part: _Observed(getattr(layer, part), seen[part]) for part in PARTS})
        for state in self._states:
            self._pass(state.clone(), observed)
        return seen

    def advance(self, layer: Layer) -> None:
        """Go on behind this layer: given rounded, later ones see, and make up for, what rounding changed."""
        for state in self._states:
            self._pass(state, layer)

    def head_peak(self, norm: torch.Tensor) -> torch.Tensor | None:
        """The largest value in each column [hidden] that the head sees behind `norm`; None without a text."""
        if not self._states:
            return None
        size, eps = self._config.hidden, self._config.rms_eps
        return torch.cat([torch.nn.functional.rms_norm(x, (size,), norm, eps) for x in self._states]).abs().amax(dim=0)

    def _pass(self, state: torch.Tensor, layer: Layer) -> None:
        n, c = state.shape[0], self._config
        kv = torch.empty((1, 2 * c.n_kv_heads, n, c.head_dim), dtype=torch.bfloat16)
        self._run(state, (layer,), kv, 0)


def calibration_sequences(folder: Path, context_tokens: int) -> list[list[int]]:
    """The shipped text in the model's tokens, in pieces; empty when the model has no `tokenizer.json`."""
    if not (folder / "tokenizer.json").is_file():
        return []
    text = assets.resource("text/calibration.txt").read_text(encoding="utf-8")
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    step = min(_SEQUENCE_TOKENS, context_tokens)
    return [tokens[start : start + step] for start in range(0, len(tokens), step)]
