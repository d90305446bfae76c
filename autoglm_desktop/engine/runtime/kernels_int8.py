"""8-bit weights with one scale a row, activations in 8 bits with one scale a token."""

from __future__ import annotations

import functools
import platform
import warnings

import torch

from .activations import NARROW, EightBitRows, row_range
from .kernels import rows_at_a_time


def fast_kernel_available() -> bool:
    """Whether torch has its fbgemm kernels here (x86 only; elsewhere the weights are used as they are stored)."""
    return platform.machine().lower() in ("x86_64", "amd64") and "fbgemm" in torch.backends.quantized.supported_engines


@functools.cache
def _expect_deprecation() -> None:
    """torch tells once a process that its quantized tensors will go (issue 184982 there); the fallback then serves."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        _quantized(torch.zeros((1, 1), dtype=torch.int8), torch.ones(1))


def _quantized(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    zeros = torch.zeros(weight.shape[0], dtype=torch.int64)
    return torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)


class Int8Linear:
    """y = x Wᵀ + b with int8 `weight` [out, in], float32 `scale` [out] and float32 `bias` [out].

    As stored (mapped from a file, nothing to prepare) the weights are multiplied with bf16 activations for one token,
    with 8-bit ones for several. After `prepare` they lie in an order of their own, in memory of their own, and
    activations are always rounded to 8 bits: about 1.5 times as fast for one token.
    """

    dtype = torch.float32

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self._weight: torch.Tensor | None = weight
        self._scale, self._bias = scale, bias
        self._scale_bf16 = scale.to(torch.bfloat16)
        self._prepared: object = None
        self.shape = (weight.shape[0], weight.shape[1])

    @property
    def nbytes(self) -> int:
        return self.shape[0] * self.shape[1] + self._scale.nbytes

    @property
    def pending(self) -> int:
        """Weights that `prepare` has still to reorder; 0 when it is done or cannot be."""
        return self.shape[0] * self.shape[1] if self._prepared is None and fast_kernel_available() else 0

    def prepare(self) -> None:
        """Reorder the weights for the fast kernel (about 4 ns a weight) and let go of the mapped ones."""
        if self._weight is None or not self.pending:
            return
        _expect_deprecation()
        torch.backends.quantized.engine = "fbgemm"
        self._prepared = torch.ops.quantized.linear_prepack(_quantized(self._weight, self._scale), None)
        self._weight = None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self._as_stored(x, self._weight) if self._weight is not None else self._fast(x.float())
        return y if self._bias is None else y.add_(self._bias)

    def _fast(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] == 1:
            return self._product(x)
        # The kernel rounds all of x with one scale; rows brought to the range -1 … 1 make that one scale a row.
        low, high = row_range(x)
        peak = torch.maximum(high, -low).clamp_min_(torch.finfo(torch.float32).tiny)
        return self._product(x / peak).mul_(peak)

    def _product(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.ops.quantized.linear_dynamic(x, self._prepared, NARROW)
        return y

    def _as_stored(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        if x.shape[0] == 1:
            return torch._weight_int8pack_mm(x.to(torch.bfloat16), weight, self._scale_bf16).float()
        y = torch.empty((x.shape[0], weight.shape[0]))
        rounded = EightBitRows.of(x)
        for rows in rows_at_a_time(weight.shape):
            rounded.times(weight[rows].t(), self._scale[rows], y[:, rows])
        return y
