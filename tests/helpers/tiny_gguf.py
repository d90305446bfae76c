"""Tiny GGUF files with random weights, written by the `gguf` package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

HIDDEN, LAYERS, HEADS, KV_HEADS, FFN, CONTEXT = 64, 2, 4, 2, 96, 128
WORDS = [chr(code) for code in range(0x21, 0x7F)] + ["Ġ", "Ċ"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["h e", "l l", "he ll", "hell o"]
TOKENS = [*WORDS, *("".join(merge.split()) for merge in MERGES), "<tool>", *SPECIAL]
TYPES = [1] * (len(TOKENS) - 4) + [4, 3, 3, 3]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def write_tiny_gguf(
    path: Path,
    architecture: str = "qwen2",
    *,
    drop: str | None = None,
    extra: dict[str, NDArray[np.float32]] | None = None,
    pre: str = "qwen2",
    tokenizer_model: str = "gpt2",
    scaling: str | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Write it and return the tensors as they were given. `drop` leaves out tensors whose name contains it."""
    tensors = tiny_tensors(architecture) | (extra or {})
    if drop is not None:
        tensors = {name: value for name, value in tensors.items() if drop not in name}
    writer = gguf.GGUFWriter(path, architecture)
    _fields(writer, pre, tokenizer_model)
    if scaling is not None:
        writer.add_rope_scaling_type(gguf.RopeScalingType(scaling))
    for name, value in tensors.items():
        writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def _fields(writer: Any, pre: str, tokenizer_model: str) -> None:
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model(tokenizer_model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types(TYPES)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(TOKENS.index("<|endoftext|>"))
    writer.add_eos_token_id(TOKENS.index("<|im_end|>"))
    writer.add_chat_template(TEMPLATE)


def tiny_tensors(architecture: str) -> dict[str, NDArray[np.float32]]:
    """The tensors of a complete model, as a GGUF file names them."""
    random = np.random.default_rng(7)
    kv = HIDDEN // HEADS * KV_HEADS
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (len(TOKENS), HIDDEN), "output_norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        block = {
            "attn_norm.weight": (HIDDEN,),
            "attn_q.weight": (HIDDEN, HIDDEN),
            "attn_k.weight": (kv, HIDDEN),
            "attn_v.weight": (kv, HIDDEN),
            "attn_output.weight": (HIDDEN, HIDDEN),
            "ffn_norm.weight": (HIDDEN,),
            "ffn_gate.weight": (FFN, HIDDEN),
            "ffn_up.weight": (FFN, HIDDEN),
            "ffn_down.weight": (HIDDEN, FFN),
        }
        if architecture == "qwen2":
            block |= {"attn_q.bias": (HIDDEN,), "attn_k.bias": (kv,), "attn_v.bias": (kv,)}
        if architecture == "qwen3":
            block |= {"attn_q_norm.weight": (HIDDEN // HEADS,), "attn_k_norm.weight": (HIDDEN // HEADS,)}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
