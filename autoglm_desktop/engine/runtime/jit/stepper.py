"""Prepares what the compiled step reads, and runs it on several threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autoglm_desktop.engine.runtime.config import ModelConfig
from autoglm_desktop.engine.runtime.kernels import DenseLinear, Linear
from autoglm_desktop.engine.runtime.kernels_packed import GROUP, PackedLinear
from autoglm_desktop.engine.runtime.kv import KvCache
from autoglm_desktop.engine.runtime.rope import RopeTable
from autoglm_desktop.engine.runtime.weights import Layer, Weights

from .step import LAYER, token_step
from .threads import on_all_threads
from .tiles import input_bytes

_ALIGNMENT = 64


def supports(config: ModelConfig, weights: Weights) -> bool:
    """Whether the compiled step can run these weights: on the CPU, in a tier, of sizes that fill its vectors."""
    sizes = (config.hidden, config.q_size, config.intermediate)
    fits = all(size % GROUP == 0 for size in sizes) and config.head_dim % 16 == 0 and config.rope.rotary_dim % 2 == 0
    return fits and all(_is_known(linear) for linear in weights.linears())


def _is_known(linear: Linear) -> bool:
    if isinstance(linear, DenseLinear):
        return linear.weight.dtype is torch.bfloat16 and linear.weight.device.type == "cpu"
    return isinstance(linear, PackedLinear)


class Stepper:
    """Decodes single tokens with one decoder's weights. Not thread-safe."""

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        """`supports` must have said yes."""
        self._config, self._weights = config, weights
        self._rope = RopeTable(config.rope)
        self._kept: list[torch.Tensor] = []
        self._layers = np.array([self._layer(layer) for layer in weights.layers], dtype=np.int64).reshape(-1, LAYER)
        self._head = np.array(self._product(weights.head), dtype=np.int64)
        self._norm = self._address(weights.norm.float())
        self._threads = torch.get_num_threads()
        widest = max(config.hidden, config.q_size, config.intermediate)
        self._own_bytes = -(-(4 * widest + input_bytes(widest)) // _ALIGNMENT) * _ALIGNMENT
        self._own = _aligned(self._threads * self._own_bytes)
        self._work = np.zeros(2 * config.q_size + 2 * config.kv_size + config.intermediate, dtype=np.float32)
        self._counter = np.zeros(1, dtype=np.int64)
        self._scores = np.zeros((self._threads, 0), dtype=np.float32)

    def __call__(self, token: int, cache: KvCache) -> torch.Tensor:
        """Compute `token` behind what `cache` holds (room is there): float32 logits [vocab]. Commits nothing."""
        c, before, buffer = self._config, cache.length, cache.buffer
        x = self._weights.embedding(torch.tensor([token]))[0].numpy()
        logits = np.empty(c.vocab, dtype=np.float32)
        cos, sin = self._rope.at(before, 1, torch.float32)
        turn = torch.stack((cos[0, 0], sin[0, 0])).numpy()
        if self._scores.shape[1] < buffer.shape[2]:
            self._scores = np.zeros((self._threads, buffer.shape[2]), dtype=np.float32)
        kv = np.array([buffer.data_ptr(), *(2 * s for s in buffer.stride()[:2])], dtype=np.int64)
        sizes = np.array([self._threads, c.n_heads, c.n_kv_heads, c.head_dim, before, c.intermediate], dtype=np.int64)
        self._counter[0] = 0
        shared = (
            sizes, c.rms_eps, self._layers, self._head, self._norm, x, self._work, kv, turn, self._scores, logits,
            self._counter.ctypes.data,
        )  # fmt: skip
        own = self._own.ctypes.data
        on_all_threads(self._threads, lambda me: token_step(*shared, own + me * self._own_bytes, me))
        return torch.from_numpy(logits)

    def _layer(self, layer: Layer) -> list[int]:
        norms = (layer.attention_norm, layer.mlp_norm, layer.q_norm, layer.k_norm)
        fields = [0 if norm is None else self._address(norm.float()) for norm in norms]
        for linear in (layer.qkv, layer.output, layer.gate_up, layer.down):
            fields += self._product(linear)
        return fields

    def _product(self, linear: Linear) -> list[int]:
        if isinstance(linear, DenseLinear):
            bias = 0 if linear.bias is None else self._address(linear.bias.float())
            return [16, self._address(linear.weight), 0, bias, *linear.weight.shape]
        assert isinstance(linear, PackedLinear), "supports() looked"
        scale = 0 if linear.scale is None else self._address(linear.scale)
        return [
            linear.bits,
            self._address(linear.blocks),
            scale,
            self._address(linear.bias),
            linear.rows,
            linear.columns,
        ]

    def _address(self, tensor: torch.Tensor) -> int:
        tensor = tensor.contiguous()
        self._kept.append(tensor)
        return tensor.data_ptr()


def _aligned(size: int) -> Any:
    raw = np.zeros(size + _ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size]
