"""GGUF to the Hugging Face layout: bf16 safetensors, config, tokenizer, chat template. Needs no torch.

Tensors are unpacked, rounded and written a few rows at a time, so the memory stays small whatever the model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import safetensors_file
from .bf16 import to_bf16
from .gguf_model import GgufModel, read_gguf
from .progress import Monitor, PullStage


def master_bytes(path: Path) -> int:
    """How large the bf16 master of a GGUF file will be. Raises as `read_gguf`."""
    return read_gguf(path).master_bytes


def convert(path: Path, folder: Path, monitor: Monitor) -> GgufModel:
    """Write the model of a GGUF file into the existing `folder`; it is checked as a whole before.

    Raises as `read_gguf`; AppError CANCELLED; OSError when the disk does not take it.
    """
    monitor.report(PullStage.CONVERTING)
    model = read_gguf(path)
    model.tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", model.tokenizer_config)
    (folder / "chat_template.jinja").write_text(model.template, encoding="utf-8")
    _write_json(folder / "config.json", model.config)
    _write_json(folder / "generation_config.json", model.generation)
    _write_safetensors(model, folder / "model.safetensors", monitor)
    return model


def _write_safetensors(model: GgufModel, path: Path, monitor: Monitor) -> None:
    """Streamed: the safetensors library wants every tensor in memory at once."""
    entries: dict[str, Any] = {}
    end = 0
    for planned in model.plan:
        start, end = end, end + planned.n_bytes
        entries[planned.name] = {"dtype": "BF16", "shape": planned.shape, "data_offsets": (start, end)}
    done = 0
    with path.open("wb") as out:
        out.write(safetensors_file.write_header(entries))
        for planned in model.plan:
            for chunk in model.file.values(planned.source, planned.order):
                bits = to_bf16(chunk)
                out.write(bits.data)
                done += bits.nbytes
                monitor.report(PullStage.CONVERTING, done, end)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
