"""One block of the decoder: attention and feed-forward on fused weights, in as few operations as it takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from .config import ModelConfig
from .rope import RopeTable, rotate_
from .weights import Layer


class BlockRunner:
    """Runs blocks of one configuration; holds the tables that they share."""

    def __init__(self, config: ModelConfig, device: torch.device | None = None) -> None:
        self._config = config
        self._rope = RopeTable(config.rope, device)

    def __call__(self, x: torch.Tensor, layers: Sequence[Layer], kv: torch.Tensor, start: int) -> None:
        """Add the outputs of `layers`, one after the other, to `x` [n, hidden] float32 in place.

        `kv` [layers, 2 · kv_heads, capacity, head_dim] holds keys and values of `start` tokens; those of the n new ones
        are written behind.
        """
        n, heads = x.shape[0], self._config.n_kv_heads
        mask = causal_mask(n, start, kv.dtype if x.is_cuda else torch.float32, x.device)
        new = kv[:, :, start : start + n].unbind()
        keys, values = kv[:, :heads, : start + n].unbind(), kv[:, heads:, : start + n].unbind()
        for layer, *places in zip(layers, new, keys, values, strict=True):
            self._block(x, layer, places, start, mask)

    def _block(
        self, x: torch.Tensor, layer: Layer, places: list[torch.Tensor], start: int, mask: torch.Tensor | None
    ) -> None:
        eps = self._config.rms_eps
        qkv = layer.qkv(rms_norm(x, layer.attention_norm, eps))
        x += layer.output(self._attention(qkv, layer, places, start, mask))
        gate, up = layer.gate_up(rms_norm(x, layer.mlp_norm, eps)).chunk(2, dim=-1)
        x += layer.down(functional.silu(gate, inplace=True).mul_(up))

    def _attention(
        self, qkv: torch.Tensor, layer: Layer, places: list[torch.Tensor], start: int, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """qkv [n, (heads + 2 kv_heads) · head_dim] → [n, heads · head_dim]; `places`: new, all keys, all values."""
        c, n = self._config, qkv.shape[0]
        turned = c.n_heads + c.n_kv_heads
        qkv = qkv.view(n, turned + c.n_kv_heads, c.head_dim)
        if layer.q_norm is not None and layer.k_norm is not None:
            self._norm_heads_(qkv[:, : c.n_heads], layer.q_norm)
            self._norm_heads_(qkv[:, c.n_heads : turned], layer.k_norm)
        rotate_(qkv[:, :turned, : c.rope.rotary_dim], *self._rope.at(start, n, qkv.dtype))
        new, keys, values = places
        new.copy_(qkv[:, c.n_heads :].transpose(0, 1))
        return attend(qkv[:, : c.n_heads], keys, values, mask)

    def _norm_heads_(self, heads: torch.Tensor, weight: torch.Tensor) -> None:
        heads.copy_(functional.rms_norm(heads.float(), (self._config.head_dim,), weight, self._config.rms_eps))


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """x [n, size] and weight [size], float32. torch's own is five operations; a single row on the CPU takes three."""
    if x.shape[0] > 1 or x.is_cuda:
        return functional.rms_norm(x, weight.shape, weight, eps)
    row = x[0]
    return torch.mul(x, weight).mul_((float(torch.dot(row, row)) / row.numel() + eps) ** -0.5)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """q [n, heads, d], k and v [kv_heads, length, d] → [n, heads · d].

    A single query needs no mask: the query heads that share a key head are then the rows of one product, and keys are
    not repeated. With several queries and none before them the kernel skips what causality hides. Several queries are
    computed in float32 on a processor: as fast as in bf16, and with a mask twice as fast.
    """
    n, heads, d = q.shape
    dtype = k.dtype if n == 1 or q.is_cuda else torch.float32
    q, k, v = q.to(dtype), k.to(dtype), v.to(dtype)
    if n == 1:
        grouped = q.view(1, k.shape[0], heads // k.shape[0], d)
        return functional.scaled_dot_product_attention(grouped, k[None], v[None]).view(1, heads * d)
    out = functional.scaled_dot_product_attention(
        q.transpose(0, 1)[None], k[None], v[None], attn_mask=mask, is_causal=mask is None, enable_gqa=True
    )
    return out[0].transpose(0, 1).reshape(n, heads * d)


def causal_mask(n: int, before: int, dtype: torch.dtype, device: torch.device | None = None) -> torch.Tensor | None:
    """[n, before + n] to add to the scores, or None where plain causality (or no mask at all) does."""
    if n == 1 or before == 0:
        return None
    hidden = torch.ones((n, before + n), dtype=torch.bool, device=device).triu_(before + 1)
    return torch.zeros((n, before + n), dtype=dtype, device=device).masked_fill_(hidden, float("-inf"))
