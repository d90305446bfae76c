"""config.json and generation_config.json from the fields of a GGUF file."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .gguf_file import GgufFile

_CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}

_END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>")
"""Tokens that end an answer in the chat formats of these families. GGUF names only one of them; the publishers'
generation_config lists the others."""

_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""The constants of Llama 3.1 and 3.2; their GGUF files store only the resulting factors."""


def token_id(file: GgufFile, role: str) -> int | None:
    """The id of a token by its role in GGUF (``bos``, ``eos``, ``eot``, ``padding``, ``unknown``), or None."""
    value = file.get(f"tokenizer.ggml.{role}_token_id")
    return None if value is None else int(value)


def model_config(file: GgufFile) -> dict[str, Any]:
    """config.json. Raises AppError UNSUPPORTED_ARCHITECTURE for a position scaling that we do not know."""
    get = file.of_architecture
    n_heads = int(get("attention.head_count"))
    hidden = int(get("embedding_length"))
    config = {
        "architectures": [_CLASSES[file.architecture]],
        "model_type": file.architecture,
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "hidden_size": hidden,
        "intermediate_size": int(get("feed_forward_length")),
        "num_hidden_layers": int(get("block_count")),
        "num_attention_heads": n_heads,
        "num_key_value_heads": int(get("attention.head_count_kv", n_heads)),
        "head_dim": int(get("attention.key_length", hidden // n_heads)),
        "max_position_embeddings": int(get("context_length")),
        "rms_norm_eps": float(get("attention.layer_norm_rms_epsilon")),
        "rope_parameters": _rope(file),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "vocab_size": file.shape("token_embd.weight")[0],
        "bos_token_id": token_id(file, "bos"),
        "eos_token_id": token_id(file, "eos"),
        "pad_token_id": token_id(file, "padding"),
    }
    if file.architecture in ("llama", "qwen3"):
        config["attention_bias"] = "blk.0.attn_q.bias" in file.tensors
    return config


def generation_config(file: GgufFile) -> dict[str, Any]:
    """generation_config.json: every token that ends an answer, the one that the file names first."""
    named = [token_id(file, role) for role in ("eos", "eot", "eom")]
    tokens = file.get("tokenizer.ggml.tokens")
    types = file.get("tokenizer.ggml.token_type")
    control = {token: index for index, token in enumerate(tokens) if types[index] == 3}
    ends = [index for index in named if index is not None] + [control[t] for t in _END_OF_TURN if t in control]
    return {
        "bos_token_id": token_id(file, "bos"),
        "eos_token_id": list(dict.fromkeys(ends)),
        "pad_token_id": token_id(file, "padding"),
    }


def _rope(file: GgufFile) -> dict[str, Any]:
    theta = float(file.of_architecture("rope.freq_base", 10_000.0))
    if "rope_freqs.weight" in file.tensors:
        return {"rope_type": "llama3", "rope_theta": theta, **_llama3(file, theta)}
    scaling = file.of_architecture("rope.scaling.type", "none")
    if scaling != "none":
        raise _unknown_scaling(str(scaling))
    return {"rope_type": "default", "rope_theta": theta}


def _llama3(file: GgufFile, theta: float) -> dict[str, Any]:
    """Llama 3's constants, provided that they give the factors that the file stores.

    Formula: transformers' ``modeling_rope_utils._compute_llama3_parameters``.
    """
    stored = np.concatenate([chunk.ravel() for chunk in file.values("rope_freqs.weight")])
    factor = float(stored.max())
    low, high = _LLAMA3["low_freq_factor"], _LLAMA3["high_freq_factor"]
    turns = _LLAMA3["original_max_position_embeddings"] * theta ** (-np.arange(len(stored)) / len(stored)) / (2 * np.pi)
    smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
    if not np.allclose(stored, 1 / ((1 - smooth) / factor + smooth), rtol=1e-3):
        raise _unknown_scaling("rope_freqs")
    return {"factor": factor, **_LLAMA3}


def _unknown_scaling(name: str) -> AppError:
    return AppError(
        ErrorCode.UNSUPPORTED_ARCHITECTURE,
        msg("This version does not know the position scaling “{name}” of this model.", name=name),
        msg("Get the model in the Hugging Face layout (with tokenizer.json) and add that folder."),
    )
