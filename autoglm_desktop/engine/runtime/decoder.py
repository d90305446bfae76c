"""The decoder: plain torch operations on fused weights and preallocated keys and values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional

from autoglm_desktop.core.precision import Tier

from .config import ModelConfig
from .kv import KvCache
from .rope import RopeTable, rotate_
from .weights import Layer, Progress, Weights, dense_weights

PREFILL_CHUNK_TOKENS = 256
"""How many tokens of a long prompt to give to one `Decoder.forward`, so that Stop is heard in between."""


class Decoder:
    """A causal language model of one folder, in one tier at a time. Not thread-safe."""

    def __init__(self, folder: Path, config: ModelConfig, tier: Tier, weights: Weights) -> None:
        self.folder, self.config, self.tier = folder, config, tier
        self._weights = weights
        self._rope = RopeTable(config.rope)

    @classmethod
    def load(cls, folder: Path, tier: Tier, *, on_progress: Progress, dtype: torch.dtype = torch.bfloat16) -> Decoder:
        """Load a Hugging Face folder. `on_progress` gets fractions from 0 to 1.

        `dtype` float32 with tier FP16 is for comparisons with reference implementations.
        Raises AppError: MODEL_MISSING, UNSUPPORTED_ARCHITECTURE, UNSAFE_CHECKPOINT, WEIGHTS_CORRUPT, OUT_OF_MEMORY.
        """
        config = ModelConfig.read(folder)
        return cls(folder, config, tier, dense_weights(folder, config, dtype, on_progress))

    @property
    def weights_bytes(self) -> int:
        """Bytes of the weights as stored in the current tier."""
        return self._weights.nbytes

    def switch(self, tier: Tier, on_progress: Progress) -> None:
        """Swap the weights for those of `tier`; every cache stays valid. Raises AppError as `load` does."""
        self._weights = dense_weights(self.folder, self.config, torch.bfloat16, on_progress)
        self.tier = tier

    def forward(self, tokens: Sequence[int], cache: KvCache) -> torch.Tensor:
        """Append `tokens` (a chunk of a prompt, or one decoded token) to `cache`: float32 logits [vocab] of the last.

        Raises ValueError without tokens or past the model's context; the cache is unchanged then.
        """
        return self._logits(self._hidden(tokens, cache)[-1:])[0]

    def forward_all(self, tokens: Sequence[int], cache: KvCache) -> torch.Tensor:
        """As `forward`, but the logits after every one of `tokens`: float32 [n, vocab]."""
        return self._logits(self._hidden(tokens, cache))

    @torch.inference_mode()
    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        normed = functional.rms_norm(x, (self.config.hidden,), self._weights.norm, self.config.rms_eps)
        return self._weights.head(normed).float()

    @torch.inference_mode()
    def _hidden(self, tokens: Sequence[int], cache: KvCache) -> torch.Tensor:
        """[n, hidden] float32: what the last layer gives, before the final norm."""
        if not tokens or cache.length + len(tokens) > self.config.context_tokens:
            raise ValueError(f"{len(tokens)} tokens after {cache.length} of {self.config.context_tokens}")
        x = self._weights.embedding(torch.tensor(tokens, dtype=torch.int64))
        cache.reserve(cache.length + len(tokens))
        mask = _causal_mask(len(tokens), cache.length, cache.dtype)
        for index, layer in enumerate(self._weights.layers):
            self._layer(x, layer, cache.layer(index), cache.length, mask)
        cache.commit(tokens)
        return x

    def _layer(self, x: torch.Tensor, layer: Layer, kv: torch.Tensor, start: int, mask: torch.Tensor | None) -> None:
        """One block, added to `x` [n, hidden] in place. `kv` is the layer's buffer, filled up to `start`."""
        normed = functional.rms_norm(x, (self.config.hidden,), layer.attention_norm, self.config.rms_eps)
        x += layer.output(self._attention(layer.qkv(normed), layer, kv, start, mask))
        normed = functional.rms_norm(x, (self.config.hidden,), layer.mlp_norm, self.config.rms_eps)
        gate, up = layer.gate_up(normed).chunk(2, dim=-1)
        x += layer.down(functional.silu(gate).mul_(up))

    def _attention(
        self, qkv: torch.Tensor, layer: Layer, kv: torch.Tensor, start: int, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """qkv [n, (heads + 2 kv_heads) · head_dim] → [n, heads · head_dim]; writes keys and values to `kv`."""
        c, n = self.config, qkv.shape[0]
        end, turned = start + n, c.n_heads + c.n_kv_heads
        qkv = qkv.view(n, turned + c.n_kv_heads, c.head_dim)
        if layer.q_norm is not None and layer.k_norm is not None:
            qkv[:, : c.n_heads] = functional.rms_norm(
                qkv[:, : c.n_heads].float(), (c.head_dim,), layer.q_norm, c.rms_eps
            )
            qkv[:, c.n_heads : turned] = functional.rms_norm(
                qkv[:, c.n_heads : turned].float(), (c.head_dim,), layer.k_norm, c.rms_eps
            )
        cos, sin = self._rope.at(start, n, qkv.dtype)
        rotate_(qkv[:, :turned, : c.rope.rotary_dim], cos, sin)
        kv[:, start:end] = qkv[:, c.n_heads :].transpose(0, 1)
        q = qkv[:, : c.n_heads].to(kv.dtype)
        return _attend(q, kv[: c.n_kv_heads, :end], kv[c.n_kv_heads :, :end], mask)


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """q [n, heads, d], k and v [kv_heads, length, d] → [n, heads · d].

    A single query needs no mask: the query heads that share a key head are then the rows of one product, and keys are
    not repeated. With several queries and none before them the kernel skips what causality hides.
    """
    n, heads, d = q.shape
    if n == 1:
        grouped = q.view(1, k.shape[0], heads // k.shape[0], d)
        return functional.scaled_dot_product_attention(grouped, k[None], v[None]).view(1, heads * d)
    out = functional.scaled_dot_product_attention(
        q.transpose(0, 1)[None], k[None], v[None], attn_mask=mask, is_causal=mask is None, enable_gqa=True
    )
    return out[0].transpose(0, 1).reshape(n, heads * d)


def _causal_mask(n: int, before: int, dtype: torch.dtype) -> torch.Tensor | None:
    """[n, before + n] to add to the scores, or None where plain causality (or no mask at all) does."""
    if n == 1 or before == 0:
        return None
    hidden = torch.ones((n, before + n), dtype=torch.bool).triu_(before + 1)
    return torch.zeros((n, before + n), dtype=dtype).masked_fill_(hidden, float("-inf"))
