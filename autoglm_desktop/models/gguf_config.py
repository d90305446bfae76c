"""config.json and generation_config.json from the fields of a GGUF file, which are taken as they stand.

`core.checkpoint_config` holds them against its bounds; `NAMES` tells it what the file calls them.
"""

from __future__ import annotations

from math import log, nextafter, prod
from typing import Any

import numpy as np

from autoglm_desktop.core.architectures import ARCHITECTURES
from autoglm_desktop.core.checkpoint_config import describe, unsupported
from autoglm_desktop.core.decoder_config import ModelConfig
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .gguf_file import GgufFile
from .tokenizer import CONTROL
from .weights_needed import incomplete

NAMES = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "max_position_embeddings": "context_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "vocab_size": "token_embd.weight",
    "rope_theta": "rope.freq_base",
    "factor": "rope.scaling.factor",
    "original_max_position_embeddings": "rope.scaling.original_context_length",
}

_END_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>")
"""Tokens that end an answer in the chat formats of these families. GGUF names only one of them; the publishers'
generation_config lists the others."""

_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""The constants of Llama 3.1 and 3.2; their GGUF files store only the resulting factors."""

_FREQUENCIES = 1 << 12
"""At most, of the largest head."""

_NEUTRAL: dict[str, tuple[float, ...]] = {
    "expert_count": (0,),
    "attention.causal": (True,),
    "attention.scale": (0.0,),
    "attention.clamp_kqv": (0.0,),
    "attn_logit_softcapping": (0.0,),
    "final_logit_softcapping": (0.0,),
    "embedding_scale": (0.0, 1.0),
    "residual_scale": (0.0, 1.0),
    "logit_scale": (0.0, 1.0),
    "use_parallel_residual": (False,),
}
"""Fields that change what a decoder computes, with the values that do not."""


def token_id(file: GgufFile, role: str) -> int | None:
    """The id of a token by its role in GGUF (``bos``, ``eos``, ``eot``, ``padding``, ``unknown``).

    None where the file has none, or one that is no token: some files name 2³² - 1 for it.
    """
    value = file.get(f"tokenizer.ggml.{role}_token_id")
    return value if isinstance(value, int) and 0 <= value < len(_list(file, "tokens")) else None


def model_config(file: GgufFile, generation: dict[str, Any]) -> tuple[dict[str, Any], ModelConfig]:
    """config.json, and what it describes with the `generation_config`.

    Raises AppError UNSUPPORTED_ARCHITECTURE, WEIGHTS_CORRUPT.
    """
    config = _as_it_stands(file)
    described = _described(config, generation)
    rotary_dim = file.of_architecture("rope.dimension_count", described.head_dim)
    if rotary_dim != described.head_dim:
        config["partial_rotary_factor"] = _part(file, rotary_dim, described.head_dim)
        described = _described(config, generation)
    _refuse_variants(file, described)
    config |= {"head_dim": described.head_dim, "num_key_value_heads": described.n_kv_heads}
    return config, described


def _as_it_stands(file: GgufFile) -> dict[str, Any]:
    if "token_embd.weight" not in file.tensors:
        raise incomplete(1, "token_embd.weight")
    architecture = ARCHITECTURES[file.architecture]
    config = {
        "architectures": [architecture.class_name],
        "model_type": architecture.name,
        "dtype": "bfloat16",
        "hidden_act": "silu",
        "hidden_size": file.of_architecture("embedding_length"),
        "intermediate_size": _of_all_layers(file, "feed_forward_length"),
        "num_hidden_layers": file.of_architecture("block_count"),
        "num_attention_heads": _of_all_layers(file, "attention.head_count"),
        "num_key_value_heads": _of_all_layers(file, "attention.head_count_kv"),
        "head_dim": file.of_architecture("attention.key_length"),
        "max_position_embeddings": file.of_architecture("context_length"),
        "rms_norm_eps": file.of_architecture("attention.layer_norm_rms_epsilon"),
        "rope_parameters": _rope(file),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "vocab_size": file.shape("token_embd.weight")[0],
        "bos_token_id": token_id(file, "bos"),
        "eos_token_id": token_id(file, "eos"),
        "pad_token_id": token_id(file, "padding"),
    }
    if not architecture.qkv_bias:
        config["attention_bias"] = "blk.0.attn_q.bias" in file.tensors
    return config


def _described(config: dict[str, Any], generation: dict[str, Any]) -> ModelConfig:
    return describe({key: value for key, value in config.items() if value is not None}, generation, NAMES)


def generation_config(file: GgufFile) -> dict[str, Any]:
    """generation_config.json: every token that ends an answer, the one that the file names first."""
    named = [token_id(file, role) for role in ("eos", "eot", "eom")]
    typed = enumerate(zip(_list(file, "tokens"), _list(file, "token_type"), strict=False))
    control = {token: index for index, (token, kind) in typed if kind == CONTROL and isinstance(token, str)}
    ends = [index for index in named if index is not None] + [control[t] for t in _END_OF_TURN if t in control]
    return {
        "bos_token_id": token_id(file, "bos"),
        "eos_token_id": list(dict.fromkeys(ends)),
        "pad_token_id": token_id(file, "padding"),
    }


def _list(file: GgufFile, key: str) -> list[Any]:
    value = file.get(f"tokenizer.ggml.{key}")
    return value if isinstance(value, list) else []


def _of_all_layers(file: GgufFile, key: str) -> Any:
    """A figure that some files give for each layer: one where all are alike; other lists fit no bounds."""
    value = file.of_architecture(key)
    return value[0] if isinstance(value, list) and value and value.count(value[0]) == len(value) else value


def _refuse_variants(file: GgufFile, described: ModelConfig) -> None:
    """What would change the answers and is not computed."""
    for key, neutral in (*_NEUTRAL.items(), ("attention.value_length", (described.head_dim,))):
        if (value := file.of_architecture(key)) is not None and value not in neutral:
            raise unsupported(f"{file.architecture} ({key})")
    if described.rope.kind == "llama3" and prod(file.shape("rope_freqs.weight")) != described.rope.rotary_dim // 2:
        raise _unknown_scaling("rope_freqs")


def _part(file: GgufFile, rotary_dim: Any, head_dim: int) -> float:
    """How much of a head turns. llama.cpp, too, knows none but whole heads for an interleaved family."""
    whole = ARCHITECTURES[file.architecture].interleaved
    if whole or not isinstance(rotary_dim, int) or not 0 < rotary_dim < head_dim or rotary_dim % 2:
        raise unsupported(f"{file.architecture} (rope.dimension_count {rotary_dim!s:.20} of {head_dim})")
    part = rotary_dim / head_dim
    return part if int(head_dim * part) == rotary_dim else nextafter(part, 1.0)  # read back, it is rounded down


def _rope(file: GgufFile) -> dict[str, Any]:
    theta = file.of_architecture("rope.freq_base", 10_000.0)
    kind = file.of_architecture("rope.scaling.type")
    factor = file.of_architecture("rope.scaling.factor") or file.of_architecture("rope.scale_linear")
    if "rope_factors_long.weight" in file.tensors or "rope_factors_short.weight" in file.tensors:
        kind = "longrope"
    if "rope_freqs.weight" in file.tensors and kind in (None, "none", "llama3"):
        return {"rope_type": "llama3", "rope_theta": theta, **_llama3(file, theta)}
    if "rope_freqs.weight" in file.tensors:
        raise _unknown_scaling("rope_freqs")
    if kind == "none" or (kind in (None, "linear") and factor in (None, 0, 1)):
        return {"rope_type": "default", "rope_theta": theta}
    if kind in (None, "linear"):  # llama.cpp takes a factor without a kind for linear
        return {"rope_type": "linear", "rope_theta": theta, "factor": factor}
    if kind == "yarn":
        return {"rope_type": "yarn", "rope_theta": theta, "factor": factor, **_yarn(file, factor)}
    raise _unknown_scaling(str(kind))


def _yarn(file: GgufFile, factor: Any) -> dict[str, Any]:
    """YaRN's figures. What multiplies cosine and sine in llama.cpp is the file's factor times that of the paper."""
    scaling = {
        name: file.of_architecture(f"rope.scaling.{key}")
        for name, key in (
            ("original_max_position_embeddings", "original_context_length"),
            ("beta_fast", "yarn_beta_fast"),
            ("beta_slow", "yarn_beta_slow"),
        )
    }
    for key, neutral in (("yarn_ext_factor", (1.0,)), ("yarn_log_multiplier", (0.0,))):
        if (value := file.of_architecture(f"rope.scaling.{key}")) is not None and value not in neutral:
            raise _unknown_scaling(f"yarn, {key}")
    own = [file.of_architecture(f"rope.scaling.{key}", 1.0) for key in ("attn_factor", "yarn_attn_factor")]
    if own != [1.0, 1.0] and all(isinstance(value, int | float) for value in (*own, factor)) and factor > 1:
        scaling["attention_factor"] = own[0] * own[1] * (0.1 * log(factor) + 1.0)
    return {key: value for key, value in scaling.items() if value is not None}


def _llama3(file: GgufFile, theta: Any) -> dict[str, Any]:
    """Llama 3's constants, provided that they give the factors that the file stores.

    Formula: transformers' ``modeling_rope_utils._compute_llama3_parameters``.
    """
    file.require_readable("rope_freqs.weight")
    if prod(file.shape("rope_freqs.weight")) > _FREQUENCIES or not isinstance(theta, float) or theta <= 1:
        raise _unknown_scaling("rope_freqs")
    stored = np.concatenate([chunk.ravel() for chunk in file.values("rope_freqs.weight")])
    factor = float(stored.max())
    low, high = _LLAMA3["low_freq_factor"], _LLAMA3["high_freq_factor"]
    turns = _LLAMA3["original_max_position_embeddings"] * theta ** (-np.arange(len(stored)) / len(stored)) / (2 * np.pi)
    smooth = np.clip((turns - low) / (high - low), 0.0, 1.0)
    if stored.min() <= 0 or not np.allclose(stored, 1 / ((1 - smooth) / factor + smooth), rtol=1e-3):
        raise _unknown_scaling("rope_freqs")
    return {"factor": factor, **_LLAMA3}


def _unknown_scaling(name: str) -> AppError:
    return AppError(
        ErrorCode.UNSUPPORTED_ARCHITECTURE,
        msg("This version does not know the position scaling “{name}” of this model.", name=name[:200]),
        msg("Get the model in the Hugging Face layout (with tokenizer.json) and add that folder."),
    )
