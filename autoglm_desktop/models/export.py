"""An installed model as a Q8_0 GGUF file, so that llama.cpp can be measured on the very same weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg

from . import safetensors_file, tokenizer
from .catalogue import require_runnable
from .checkpoint import read_config
from .names import gguf_name, to_interleaved

_Q8_0_BLOCK = 32


@dataclass(frozen=True, slots=True)
class _Planned:
    """A tensor to write, and what it becomes."""

    tensor: safetensors_file.Tensor
    name: str
    kind: gguf.GGMLQuantizationType
    order: NDArray[np.intp] | None

    def values(self) -> NDArray[Any]:
        numbers = self.tensor.values()
        return gguf.quantize(numbers if self.order is None else numbers[self.order], self.kind)


def write_gguf_q8_0(folder: Path, out: Path) -> None:
    """Write the model in `folder` (Hugging Face layout) to `out`: matrices Q8_0, vectors float32.

    The file appears under its name only when it is whole. Raises AppError: UNSUPPORTED_ARCHITECTURE, BAD_INPUT (a
    tokenizer or position scaling that cannot be expressed); OSError when the disk does not take it.
    """
    config = read_config(folder)
    require_runnable(str(config.get("model_type", "")))
    plan = _plan(folder, config)
    part = out.with_name(out.name + ".part")
    writer = gguf.GGUFWriter(part, config["model_type"])
    try:
        _write_config(writer, config)
        _write_tokenizer(writer, folder, config)
        for planned in plan:
            _announce(writer, planned)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for planned in plan:
            writer.write_tensor_data(planned.values())
        writer.close()
        part.replace(out)
    finally:
        writer.close()
        part.unlink(missing_ok=True)


def _announce(writer: gguf.GGUFWriter, planned: _Planned) -> None:
    shape = planned.tensor.shape
    if planned.kind == gguf.GGMLQuantizationType.Q8_0:
        stored = gguf.quant_shape_to_byte_shape(shape, planned.kind)
        writer.add_tensor_info(planned.name, stored, np.dtype(np.uint8), int(np.prod(stored)), planned.kind)
    else:
        writer.add_tensor_info(planned.name, shape, np.dtype(np.float32), 4 * int(np.prod(shape)))


def _plan(folder: Path, config: dict[str, Any]) -> list[_Planned]:
    plan = []
    for tensor in safetensors_file.tensors(folder).values():
        name = gguf_name(tensor.name)
        if name is None:
            raise _inexpressible(msg("A GGUF file cannot hold the weights “{name}” of this model.", name=tensor.name))
        if tensor.name == "lm_head.weight" and config.get("tie_word_embeddings"):
            continue
        quantized = len(tensor.shape) == 2 and tensor.shape[1] % _Q8_0_BLOCK == 0
        kind = gguf.GGMLQuantizationType.Q8_0 if quantized else gguf.GGMLQuantizationType.F32
        plan.append(_Planned(tensor, name, kind, _row_order(tensor, config)))
    return plan


def _row_order(tensor: safetensors_file.Tensor, config: dict[str, Any]) -> NDArray[np.intp] | None:
    if config["model_type"] != "llama":
        return None
    n_heads = int(config["num_attention_heads"])
    if ".q_proj." in tensor.name:
        return to_interleaved(tensor.shape[0], n_heads)
    if ".k_proj." in tensor.name:
        return to_interleaved(tensor.shape[0], int(config.get("num_key_value_heads", n_heads)))
    return None


def _write_config(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise _inexpressible(
            msg("A GGUF file of this model cannot be written: position scaling “{name}”.", name=rope["rope_type"])
        )
    n_heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
    head_dim = int(config.get("head_dim") or hidden // n_heads)
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(n_heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads", n_heads)))
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(int(head_dim * float(config.get("partial_rotary_factor") or 1)))
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_vocab_size(int(config["vocab_size"]))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_tokenizer(writer: gguf.GGUFWriter, folder: Path, config: dict[str, Any]) -> None:
    made = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    pre = tokenizer.pre_name(made)
    if pre is None or made["model"]["type"] != "BPE":
        raise _inexpressible(msg("A GGUF file cannot hold the tokenizer of this model."))
    tokens, types = _vocabulary(made, int(config["vocab_size"]))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(
        [" ".join(merge) if isinstance(merge, list) else merge for merge in made["model"]["merges"]]
    )
    writer.add_add_bos_token(
        made["post_processor"] is not None and made["post_processor"]["type"] == "TemplateProcessing"
    )
    eos = config.get("eos_token_id")
    for index, add in (
        (config.get("bos_token_id"), writer.add_bos_token_id),
        (eos[0] if isinstance(eos, list) else eos, writer.add_eos_token_id),
        (config.get("pad_token_id"), writer.add_pad_token_id),
    ):
        if index is not None:
            add(int(index))
    template = folder / "chat_template.jinja"
    if template.is_file():
        writer.add_chat_template(template.read_text(encoding="utf-8"))


def _vocabulary(made: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    """Tokens and their types by id; ids that the tokenizer leaves out are filled with unused ones."""
    tokens = [f"[PAD{index}]" for index in range(size)]
    types = [int(gguf.TokenType.UNUSED)] * size
    for token, index in made["model"]["vocab"].items():
        tokens[index], types[index] = token, int(gguf.TokenType.NORMAL)
    for added in made["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = tokenizer.CONTROL if added["special"] else tokenizer.USER_DEFINED
    return tokens, types


def _inexpressible(cause: Text) -> AppError:
    return AppError(ErrorCode.BAD_INPUT, cause, msg("Measure another model against llama.cpp."))
