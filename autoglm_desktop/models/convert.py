"""GGUF to the Hugging Face layout: bf16 safetensors, config, tokenizer, chat template. Needs no torch.

Tensors are unpacked, rounded and written a few rows at a time, so the memory stays small whatever the model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from . import safetensors_file, tokenizer
from .bf16 import to_bf16
from .catalogue import require_runnable
from .gguf_config import generation_config, model_config, token_id
from .gguf_file import GgufFile
from .names import from_interleaved, hf_name
from .progress import Monitor, PullStage


@dataclass(frozen=True, slots=True)
class _Planned:
    """A tensor to write: `order` permutes its rows."""

    source: str
    name: str
    shape: tuple[int, ...]
    order: NDArray[np.intp] | None

    @property
    def n_bytes(self) -> int:
        return 2 * int(np.prod(self.shape))


def master_bytes(path: Path) -> int:
    """How large the bf16 master of a GGUF file will be."""
    file = GgufFile(path)
    return sum(2 * int(np.prod(file.shape(name))) for name in file.tensors)


def convert(path: Path, folder: Path, monitor: Monitor) -> None:
    """Write the model of a GGUF file into the existing `folder`.

    Raises AppError: UNSUPPORTED_ARCHITECTURE, WEIGHTS_CORRUPT, CANCELLED; OSError when the disk does not take it.
    """
    monitor.report(PullStage.CONVERTING)
    file = GgufFile(path)
    require_runnable(file.architecture)
    plan = _plan(file)
    config = model_config(file)
    _write_tokenizer(file, folder)
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", generation_config(file))
    _write_safetensors(file, plan, folder / "model.safetensors", monitor)


def _plan(file: GgufFile) -> list[_Planned]:
    plan = []
    for source in file.tensors:
        name = hf_name(source)
        if name is None:
            if source == "rope_freqs.weight":  # derived from the config, see gguf_config
                continue
            raise AppError(
                ErrorCode.UNSUPPORTED_ARCHITECTURE,
                msg("This version does not know the weights “{name}” of this model.", name=source),
                msg("Choose another model; a newer version may know it."),
            )
        plan.append(_Planned(source, name, file.shape(source), _row_order(file, source)))
    _require_complete(file, {planned.name for planned in plan})
    return plan


def _require_complete(file: GgufFile, names: set[str]) -> None:
    layers = int(file.of_architecture("block_count"))
    needed = {"model.embed_tokens.weight", "model.norm.weight"}
    needed |= {
        f"model.layers.{index}.{part}.weight"
        for index in range(layers)
        for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.down_proj", "input_layernorm")
    }
    if missing := sorted(needed - names):
        raise AppError(
            ErrorCode.WEIGHTS_CORRUPT,
            msg(
                "The model file lacks {count} of its weights, “{name}” among them.", count=len(missing), name=missing[0]
            ),
            msg("Fetch it again."),
        )


def _row_order(file: GgufFile, source: str) -> NDArray[np.intp] | None:
    if file.architecture != "llama":
        return None
    n_heads = int(file.of_architecture("attention.head_count"))
    if ".attn_q." in source:
        return from_interleaved(file.shape(source)[0], n_heads)
    if ".attn_k." in source:
        return from_interleaved(file.shape(source)[0], int(file.of_architecture("attention.head_count_kv", n_heads)))
    return None


def _write_safetensors(file: GgufFile, plan: list[_Planned], path: Path, monitor: Monitor) -> None:
    """Streamed: the safetensors library wants every tensor in memory at once."""
    entries: dict[str, Any] = {}
    end = 0
    for planned in plan:
        start, end = end, end + planned.n_bytes
        entries[planned.name] = {"dtype": "BF16", "shape": planned.shape, "data_offsets": (start, end)}
    done = 0
    with path.open("wb") as out:
        out.write(safetensors_file.write_header(entries))
        for planned in plan:
            for chunk in file.values(planned.source, planned.order):
                bits = to_bf16(chunk)
                out.write(bits.data)
                done += bits.nbytes
                monitor.report(PullStage.CONVERTING, done, end)


def _write_tokenizer(file: GgufFile, folder: Path) -> None:
    if file.get("tokenizer.ggml.model") != "gpt2":
        raise AppError(
            ErrorCode.UNSUPPORTED_ARCHITECTURE,
            msg(
                "This version knows byte-level BPE tokenizers only; this model has “{name}”.",
                name=str(file.get("tokenizer.ggml.model")),
            ),
            msg("Get the model in the Hugging Face layout (with tokenizer.json) and add that folder."),
        )
    source = tokenizer.GgufTokenizer(
        pre=str(file.get("tokenizer.ggml.pre", "default")),
        tokens=file.get("tokenizer.ggml.tokens"),
        types=file.get("tokenizer.ggml.token_type"),
        merges=file.get("tokenizer.ggml.merges"),
        bos_id=token_id(file, "bos"),
        add_bos=bool(file.get("tokenizer.ggml.add_bos_token", False)),
    )
    tokenizer.build(source).save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": file.of_architecture("context_length")}
    for role, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        index = token_id(file, key)
        config[f"{role}_token"] = None if index is None else source.tokens[index]
    _write_json(folder / "tokenizer_config.json", config)
    if template := file.get("tokenizer.chat_template"):
        (folder / "chat_template.jinja").write_text(str(template), encoding="utf-8")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
