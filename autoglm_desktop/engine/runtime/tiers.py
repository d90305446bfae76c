"""Weights in a tier: packed once into a file of its own, then mapped."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from autoglm_desktop.core.precision import Tier

from .calibrate import Calibration, calibration_sequences
from .config import ModelConfig
from .kernels import DenseLinear, Linear
from .kernels_gpu import gpu_linear
from .kernels_packed import GROUP, PackedLinear, pack_int4, pack_int8
from .mapped import MappedFile
from .quantize import Int8, smoothing, to_int4, to_int8
from .tier_file import TierWriter, open_or_make
from .weights import (
    PARTS,
    DecoderTensors,
    Embedding,
    Layer,
    Master,
    Progress,
    Weights,
    build_layer,
    dense_linear,
    master_weights,
)


def dense_weights(folder: Path, config: ModelConfig, dtype: torch.dtype, on_progress: Progress) -> Weights:
    """The master's weights on the CPU in `dtype`: mapped without a copy where the file has that type."""
    tensors = DecoderTensors(Master(folder), config, dtype=dtype)
    return master_weights(tensors, partial(dense_linear, tensors), on_progress)


def gpu_weights(folder: Path, config: ModelConfig, tier: Tier, device: torch.device, on_progress: Progress) -> Weights:
    """The weights of a folder in `tier` on a GPU, rounded there. Raises AppError as `Master` does."""
    tensors = DecoderTensors(Master(folder), config, device=device)
    return master_weights(tensors, lambda name: gpu_linear(tier, name, dense_linear(tensors, name)), on_progress)


def tier_weights(folder: Path, config: ModelConfig, tier: Tier, on_progress: Progress) -> Weights:
    """The weights of a folder in `tier` on the CPU; makes the tier's file when it is not there yet.

    Raises AppError: as `Master`, and DISK_FULL or NOT_WRITABLE when the file cannot be made.
    """
    if tier is Tier.FP16:
        return dense_weights(folder, config, torch.bfloat16, on_progress)
    master = Master(folder)
    tensors = DecoderTensors(master, config)
    file = open_or_make(folder, tier, master.files, lambda out: _pack(out, tensors, tier, on_progress))
    layers = tuple(_packed_layer(file, tensors, index) for index in range(config.n_layers))
    on_progress(1.0)
    embedding = Embedding(file.get("embedding.q8"), file.get("embedding.s"))
    return Weights(embedding, layers, file.get("norm"), _packed_linear(file, tensors, "head"))


def _packed_layer(file: MappedFile, tensors: DecoderTensors, index: int) -> Layer:
    layer = build_layer(tensors, index, partial(_packed_linear, file, tensors))
    if f"mlp_norm.{index}" not in file:
        return layer
    return replace(layer, attention_norm=file.get(f"attention_norm.{index}"), mlp_norm=file.get(f"mlp_norm.{index}"))


def _packed_linear(file: MappedFile, tensors: DecoderTensors, name: str) -> PackedLinear:
    rows, columns = tensors.shape(name)
    scale = file.get(f"{name}.s") if f"{name}.s" in file else None
    return PackedLinear(file.get(f"{name}.blocks"), rows, columns, scale, tensors.bias(name))


def _pack(out: BinaryIO, tensors: DecoderTensors, tier: Tier, on_progress: Progress) -> None:
    """Write the file of a tier, layer by layer."""
    config = tensors.config
    writer = TierWriter(out, (3 * len(PARTS) + 2) * config.n_layers + 5)
    with torch.inference_mode():
        sequences = calibration_sequences(tensors.master.folder, config.context_tokens)
        calibration = Calibration(tensors, sequences)
        for index in range(config.n_layers):
            layer = build_layer(tensors, index, partial(dense_linear, tensors))
            step = _pack_int4 if tier is Tier.INT4 else _pack_int8
            step(writer, calibration, index, layer)
            on_progress((index + 1) / (config.n_layers + 1))
        _pack_ends(writer, tensors, calibration)
    writer.finish()


def _pack_ends(writer: TierWriter, tensors: DecoderTensors, calibration: Calibration) -> None:
    """The embedding, and the final norm and the head, whose columns are smoothed."""
    embedding = to_int8(tensors.embedding())
    writer.add("embedding.q8", embedding.levels)
    writer.add("embedding.s", embedding.scale)
    norm, head = tensors.norm("model.norm", tensors.config.hidden), tensors.head()
    peak = calibration.head_peak(norm)
    factors = torch.ones_like(norm) if peak is None else smoothing(head, peak)
    _add_int8(writer, "head", to_int8(head, factors))
    writer.add("norm", norm / factors)


def _pack_int8(writer: TierWriter, calibration: Calibration, index: int, layer: Layer) -> None:
    """Activations will be 8-bit too: what the products see is smoothed by the norms, and by the rows before `down`."""
    seen = calibration.observe(layer, hessians=False)
    calibration.advance(layer)
    weights = {part: _dense(getattr(layer, part)).weight for part in PARTS}
    factors = {part: smoothing(weights[part], inputs.peak) for part, inputs in seen.items()}
    ones = torch.ones_like
    attention, mlp = (factors.get(part, ones(layer.mlp_norm)) for part in ("qkv", "gate_up"))
    down = factors.get("down", torch.ones(weights["down"].shape[1]))
    _add_int8(writer, f"qkv.{index}", to_int8(weights["qkv"], attention))
    _add_int8(writer, f"output.{index}", to_int8(weights["output"]))
    gate_up = weights["gate_up"].to(torch.float32, copy=True)
    gate_up[down.numel() :] /= down.unsqueeze(1)
    _add_int8(writer, f"gate_up.{index}", to_int8(gate_up, mlp))
    _add_int8(writer, f"down.{index}", to_int8(weights["down"], down))
    writer.add(f"attention_norm.{index}", layer.attention_norm / attention)
    writer.add(f"mlp_norm.{index}", layer.mlp_norm / mlp)


def _pack_int4(writer: TierWriter, calibration: Calibration, index: int, layer: Layer) -> None:
    """Rounded for the inputs that the layer sees behind the layers already rounded."""
    seen = calibration.observe(layer, hessians=True)
    rounded: dict[str, Linear] = {}
    for part in PARTS:
        dense, inputs = _dense(getattr(layer, part)), seen.get(part)
        weight = _round(writer, f"{part}.{index}", dense.weight, inputs.hessian if inputs else None)
        rounded[part] = replace(dense, weight=weight.to(dense.weight.dtype))
    calibration.advance(layer.with_linears(rounded))


def _round(writer: TierWriter, name: str, weight: torch.Tensor, hessian: torch.Tensor | None) -> torch.Tensor:
    """Pack one product in 4 bits, or in 8 where groups do not fit; returns the weights that it then has."""
    if weight.shape[1] % GROUP:
        int8 = to_int8(weight)
        _add_int8(writer, name, int8)
        return int8.dequantize()
    int4 = to_int4(weight, hessian)
    writer.add(f"{name}.blocks", pack_int4(int4.levels, int4.scale.t(), int4.zero.t()))
    return int4.dequantize()


def _dense(linear: Linear) -> DenseLinear:
    assert isinstance(linear, DenseLinear), "tiers are packed from the master's own weights"
    return linear


def _add_int8(writer: TierWriter, name: str, packed: Int8) -> None:
    writer.add(f"{name}.blocks", pack_int8(packed.levels))
    writer.add(f"{name}.s", packed.scale)
