"""Tensor names: GGUF's and those of the Hugging Face layout, for llama, qwen2 and qwen3.

Source: gguf-py's ``constants.TENSOR_NAMES`` and the module names of transformers' ``LlamaModel`` family.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_TOP = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_TOP_BACK = {hf: gguf for gguf, hf in _TOP.items()}
_BLOCK_BACK = {hf: gguf for gguf, hf in _BLOCK.items()}


def hf_name(gguf_name: str) -> str | None:
    """``blk.3.attn_q.weight`` to ``model.layers.3.self_attn.q_proj.weight``; None for a tensor that we do not know."""
    if block := re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", gguf_name):
        index, part, kind = block.groups()
        return f"model.layers.{index}.{_BLOCK[part]}.{kind}" if part in _BLOCK else None
    stem, _, kind = gguf_name.rpartition(".")
    return f"{_TOP[stem]}.{kind}" if stem in _TOP else None


def gguf_name(hf_name: str) -> str | None:
    """The inverse of `hf_name`."""
    stem, _, kind = hf_name.rpartition(".")
    if block := re.fullmatch(r"model\.layers\.(\d+)\.(.+)", stem):
        index, part = block.groups()
        return f"blk.{index}.{_BLOCK_BACK[part]}.{kind}" if part in _BLOCK_BACK else None
    return f"{_TOP_BACK[stem]}.{kind}" if stem in _TOP_BACK else None


def from_interleaved(n_rows: int, n_heads: int) -> NDArray[np.intp]:
    """Row order that turns llama.cpp's query or key rows of `n_heads` heads (rotary pairs side by side) into halves.

    llama.cpp stores the rows of the ``llama`` architecture so that the two numbers of a rotary pair are neighbours; the
    Hugging Face layout keeps first and second numbers in halves of the head. ``rows_hf = rows_gguf[order]``.
    """
    order = np.arange(n_rows).reshape(n_heads, n_rows // n_heads // 2, 2)
    return order.swapaxes(1, 2).reshape(n_rows)


def to_interleaved(n_rows: int, n_heads: int) -> NDArray[np.intp]:
    """The inverse of `from_interleaved`: ``rows_gguf = rows_hf[order]``."""
    return np.argsort(from_interleaved(n_rows, n_heads))
