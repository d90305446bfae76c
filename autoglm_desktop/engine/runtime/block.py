"""One block of the decoder: attention and feed-forward on fused weights, in as few operations as it takes."""

from __future__ import annotations

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

    def __call__(self, x: torch.Tensor, layer: Layer, kv: torch.Tensor, start: int, mask: torch.Tensor | None) -> None:
        """Add the block's output to `x` [n, hidden] float32 in place.

        `kv` [2 · kv_heads, capacity, head_dim] is the layer's cache, filled up to `start`; the new keys and values are
        written behind. `mask` is that of `causal_mask`.
        """
        c = self._config
        normed = functional.rms_norm(x, (c.hidden,), layer.attention_norm, c.rms_eps)
        x += layer.output(self._attention(layer.qkv(normed), layer, kv, start, mask))
        normed = functional.rms_norm(x, (c.hidden,), layer.mlp_norm, c.rms_eps)
        gate, up = layer.gate_up(normed).chunk(2, dim=-1)
        x += layer.down(functional.silu(gate).mul_(up))

    def _attention(
        self, qkv: torch.Tensor, layer: Layer, kv: torch.Tensor, start: int, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """qkv [n, (heads + 2 kv_heads) · head_dim] → [n, heads · head_dim]."""
        c, n = self._config, qkv.shape[0]
        end, turned = start + n, c.n_heads + c.n_kv_heads
        qkv = qkv.view(n, turned + c.n_kv_heads, c.head_dim)
        if layer.q_norm is not None and layer.k_norm is not None:
            self._norm_heads_(qkv[:, : c.n_heads], layer.q_norm)
            self._norm_heads_(qkv[:, c.n_heads : turned], layer.k_norm)
        cos, sin = self._rope.at(start, n, qkv.dtype)
        rotate_(qkv[:, :turned, : c.rope.rotary_dim], cos, sin)
        kv[:, start:end] = qkv[:, c.n_heads :].transpose(0, 1)
        q = qkv[:, : c.n_heads].to(kv.dtype)
        return attend(q, kv[: c.n_kv_heads, :end], kv[c.n_kv_heads :, :end], mask)

    def _norm_heads_(self, heads: torch.Tensor, weight: torch.Tensor) -> None:
        heads.copy_(functional.rms_norm(heads.float(), (self._config.head_dim,), weight, self._config.rms_eps))


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
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


def causal_mask(n: int, before: int, dtype: torch.dtype, device: torch.device | None = None) -> torch.Tensor | None:
    """[n, before + n] to add to the scores, or None where plain causality (or no mask at all) does."""
    if n == 1 or before == 0:
        return None
    hidden = torch.ones((n, before + n), dtype=torch.bool, device=device).triu_(before + 1)
    return torch.zeros((n, before + n), dtype=dtype, device=device).masked_fill_(hidden, float("-inf"))
