"""What each product of a decoder sees as input on a short text, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from autoglm_desktop import assets

from .block import BlockRunner, causal_mask
from .kernels import Linear
from .weights import PARTS, DecoderTensors, Embedding, Layer

_SEQUENCE_TOKENS = 512

Hessians = dict[str, torch.Tensor]
"""By part of a layer (``qkv output gate_up down``): the sum of x xᵀ over its inputs, float32 [in, in]."""


@dataclass(slots=True)
class _Observed:
    """A product that also sums up its inputs."""

    linear: Linear
    total: torch.Tensor

    @property
    def nbytes(self) -> int:
        return self.linear.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        inputs = x.float()
        self.total.addmm_(inputs.t(), inputs)
        return self.linear(x)


class Calibration:
    """Carries the calibration text through the model layer by layer, so that one layer is in memory at a time."""

    def __init__(self, tensors: DecoderTensors, sequences: list[list[int]]) -> None:
        self._config = tensors.config
        self._run = BlockRunner(tensors.config)
        embedding = Embedding(tensors.embedding())
        self._states = [embedding(torch.tensor(tokens)) for tokens in sequences]

    def observe(self, layer: Layer) -> Hessians:
        """Measure the inputs of the next layer's products; empty without a text."""
        if not self._states:
            return {}
        c = self._config
        widths = {"qkv": c.hidden, "output": c.q_size, "gate_up": c.hidden, "down": c.intermediate}
        seen = {part: _Observed(getattr(layer, part), torch.zeros((widths[part],) * 2)) for part in PARTS}
        for state in self._states:
            self._pass(state.clone(), layer.with_linears(seen))
        return {part: observed.total for part, observed in seen.items()}

    def advance(self, layer: Layer) -> None:
        """Go on behind this layer: given rounded, later ones see, and make up for, what rounding changed."""
        for state in self._states:
            self._pass(state, layer)

    def _pass(self, state: torch.Tensor, layer: Layer) -> None:
        n, c = state.shape[0], self._config
        kv = torch.empty((2 * c.n_kv_heads, n, c.head_dim), dtype=torch.bfloat16)
        self._run(state, layer, kv, 0, causal_mask(n, 0, kv.dtype))


def calibration_sequences(folder: Path, context_tokens: int) -> list[list[int]]:
    """The shipped text in the model's tokens, in pieces; empty when the model has no `tokenizer.json`."""
    if not (folder / "tokenizer.json").is_file():
        return []
    text = assets.resource("text/calibration.txt").read_text(encoding="utf-8")
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
    step = min(_SEQUENCE_TOKENS, context_tokens)
    return [tokens[start : start + step] for start in range(0, len(tokens), step)]
