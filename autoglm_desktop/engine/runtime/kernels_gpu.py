"""The tiers on a GPU: bitsandbytes' 8-bit and 4-bit products, made from the 16-bit weights when they are loaded."""

from __future__ import annotations

from typing import Any

import torch

from autoglm_desktop.core.precision import Tier

from .kernels import DenseLinear, Linear

_OUTLIER_THRESHOLD = 6.0
"""Activations above it are multiplied in 16 bits (LLM.int8(), arXiv 2208.07339, section 3.2)."""
_NF4_BLOCK = 64
"""Weights that share a scale (QLoRA, arXiv 2305.14314)."""


class GpuInt8Linear:
    """LLM.int8(): 8-bit weights and activations, outlying activations in 16 bits. bf16 `weight` [out, in]."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        from bitsandbytes.nn.modules import Int8Params, Linear8bitLt

        rows, columns = weight.shape
        self._bias = bias
        product: Any = Linear8bitLt(
            columns, rows, bias=False, has_fp16_weights=False, threshold=_OUTLIER_THRESHOLD, device="meta"
        )
        product.weight = Int8Params(weight.contiguous().cpu(), requires_grad=False, has_fp16_weights=False)
        self._product = product.to(weight.device)
        self.nbytes = rows * columns + 4 * rows

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self._product(x.to(torch.bfloat16))
        return y if self._bias is None else y + self._bias


class GpuNf4Linear:
    """4-bit NormalFloat weights, computed in bf16. bf16 `weight` [out, in]."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        from bitsandbytes import functional

        self._bias = bias
        self._packed, self._state = functional.quantize_4bit(
            weight.contiguous(), blocksize=_NF4_BLOCK, quant_type="nf4", compress_statistics=False
        )
        self.nbytes: int = self._packed.nbytes + self._state.absmax.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        from bitsandbytes.autograd._functions import matmul_4bit

        y: torch.Tensor = matmul_4bit(x.to(torch.bfloat16), self._packed.t(), quant_state=self._state)
        return y if self._bias is None else y + self._bias


def gpu_linear(tier: Tier, name: str, dense: DenseLinear) -> Linear:
    """The product `name` in `tier`, on the device of its weights. The head stays in 16 bits, as bitsandbytes has it."""
    if tier is Tier.FP16 or name == "head":
        return dense
    kind = GpuInt8Linear if tier is Tier.INT8 else GpuNf4Linear
    return kind(dense.weight, dense.bias)
