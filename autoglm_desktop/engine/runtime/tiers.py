"""Weights in a tier: packed once into a file of its own, then mapped."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import torch

from autoglm_desktop.core.precision import Tier

from .calibrate import Calibration, Hessians, calibration_sequences
from .config import ModelConfig
from .kernels import DenseLinear, Linear
from .kernels_gpu import gpu_linear
from .kernels_int4 import GROUP, Int4Linear, layout, pack
from .kernels_int8 import Int8Linear
from .quantize import Int8, to_int4, to_int8
from .tier_file import TierFile, TierWriter, open_or_make
from .weights import (
    PARTS,
    DecoderTensors,
    Embedding,
    Master,
    Progress,
    Weights,
    build_layer,
    dense_linear,
    master_weights,
)

_HEAD_PART_WEIGHTS = 1 << 24


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
    kind = layout().name if tier is Tier.INT4 else "rows"
    file = open_or_make(folder, tier, kind, master.files, lambda out: _pack(out, tensors, tier, on_progress))
    layers = tuple(build_layer(tensors, i, partial(_packed_linear, file, tensors)) for i in range(config.n_layers))
    on_progress(1.0)
    embedding = Embedding(file.get("embedding.q8"), file.get("embedding.s"))
    return Weights(embedding, layers, tensors.norm("model.norm", config.hidden), _head(file))


def prepare(weights: Weights, at_most: int | None = None) -> None:
    """Reorder 8-bit weights for their fast kernel: all of them, or about `at_most` of those that are left."""
    chosen, total = [], 0
    for linear in _int8_parts(weights):
        if linear.pending and (at_most is None or total < at_most):
            chosen.append(linear)
            total += linear.pending
    if len(chosen) > 1:
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(Int8Linear.prepare, chosen))
    elif chosen:
        chosen[0].prepare()


def pending(weights: Weights) -> bool:
    """Whether `prepare` has something to do."""
    return any(linear.pending for linear in _int8_parts(weights))


@dataclass(frozen=True, slots=True)
class RowParts:
    """A tall product in parts, which can be prepared one by one."""

    parts: tuple[Int8Linear, ...]

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([part(x) for part in self.parts], dim=1)


def _int8_parts(weights: Weights) -> list[Int8Linear]:
    found: list[Int8Linear] = []
    for linear in weights.linears():
        found += linear.parts if isinstance(linear, RowParts) else [linear] if isinstance(linear, Int8Linear) else []
    return found


def _head(file: TierFile) -> RowParts:
    name = "head" if "head.q8" in file else "embedding"
    levels, scale = file.get(f"{name}.q8"), file.get(f"{name}.s")
    step = max(1, _HEAD_PART_WEIGHTS // levels.shape[1])
    starts = range(0, levels.shape[0], step)
    return RowParts(tuple(Int8Linear(levels[i : i + step], scale[i : i + step]) for i in starts))


def _packed_linear(file: TierFile, tensors: DecoderTensors, name: str) -> Linear:
    bias = tensors.bias(name)
    if f"{name}.q8" in file:
        return Int8Linear(file.get(f"{name}.q8"), file.get(f"{name}.s"), None if bias is None else bias.float())
    return Int4Linear(file.get(f"{name}.q4"), file.get(f"{name}.sz"), tensors.rows(name), bias)


def _pack(out: BinaryIO, tensors: DecoderTensors, tier: Tier, on_progress: Progress) -> None:
    """Write the file of a tier, layer by layer."""
    config = tensors.config
    writer = TierWriter(out, 2 * (len(PARTS) * config.n_layers + 2))
    _add_int8(writer, "embedding", to_int8(tensors.embedding()))
    if not config.tie_embeddings:
        _add_int8(writer, "head", to_int8(tensors.head()))
    steps = _int4_layers(writer, tensors) if tier is Tier.INT4 else _int8_layers(writer, tensors)
    for index in steps:
        on_progress((index + 1) / (config.n_layers + 1))
    writer.finish()


def _int8_layers(writer: TierWriter, tensors: DecoderTensors) -> Iterator[int]:
    for index in range(tensors.config.n_layers):
        for part in PARTS:
            _add_int8(writer, f"{part}.{index}", to_int8(tensors.weight(f"{part}.{index}")))
        yield index


def _int4_layers(writer: TierWriter, tensors: DecoderTensors) -> Iterator[int]:
    """Each layer is rounded for the inputs that it sees behind the layers already rounded."""
    with torch.inference_mode():
        calibration = Calibration(tensors, calibration_sequences(tensors.master.folder, tensors.config.context_tokens))
        for index in range(tensors.config.n_layers):
            layer = build_layer(tensors, index, partial(dense_linear, tensors))
            hessians = calibration.observe(layer)
            rounded = {part: _round(writer, f"{part}.{index}", getattr(layer, part), hessians) for part in PARTS}
            calibration.advance(layer.with_linears(rounded))
            yield index


def _round(writer: TierWriter, name: str, linear: DenseLinear, hessians: Hessians) -> DenseLinear:
    """Pack one product; returns it with the weights that it then has."""
    weight = linear.weight
    if weight.shape[1] % GROUP:
        int8 = to_int8(weight)
        _add_int8(writer, name, int8)
        return replace(linear, weight=int8.dequantize().to(weight.dtype))
    int4 = to_int4(weight, hessians.get(name.partition(".")[0]))
    padded = int4.padded()
    writer.add(f"{name}.q4", pack(padded.levels, layout()))
    writer.add(f"{name}.sz", torch.stack((padded.scale, padded.zero), dim=-1))
    return replace(linear, weight=int4.dequantize().to(weight.dtype))


def _add_int8(writer: TierWriter, name: str, packed: Int8) -> None:
    writer.add(f"{name}.q8", packed.levels)
    writer.add(f"{name}.s", packed.scale)
