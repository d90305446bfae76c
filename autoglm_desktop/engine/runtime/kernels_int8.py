"""8-bit weights with one scale a row."""

from __future__ import annotations

import torch

from .activations import EightBitRows
from .kernels import rows_at_a_time


class Int8Linear:
    """y = x Wᵀ + b with int8 `weight` [rows, in], float32 `scale` [rows] and `bias` [rows].

    Weights are used as they are stored, mapped from a file: nothing is prepared or held twice. A single token is
    multiplied in bf16, several with activations in 8 bits, one scale a token.
    """

    def __init__(self, weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        self.weight, self.scale = weight, scale
        self.bias = None if bias is None else bias.float()
        self._scale_bf16 = scale.to(torch.bfloat16)

    @property
    def nbytes(self) -> int:
        return self.weight.nbytes + self.scale.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self._one(x) if x.shape[0] == 1 else self._several(x)
        return y if self.bias is None else y.add_(self.bias)

    def _one(self, x: torch.Tensor) -> torch.Tensor:
        return torch._weight_int8pack_mm(x.to(torch.bfloat16), self.weight, self._scale_bf16).float()

    def _several(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty((x.shape[0], self.weight.shape[0]))
        rounded = EightBitRows.of(x)
        for rows in rows_at_a_time(self.weight.shape):
            rounded.times(self.weight[rows].t(), self.scale[rows], y[:, rows])
        return y
