"""4-bit weights in groups of 32 with a scale and an offset each."""

from __future__ import annotations

import torch

from .activations import EightBitRows
from .kernels import rows_at_a_time

GROUP = 32
_WEIGHTS_AT_A_TIME = 1 << 22


def pack(levels: torch.Tensor) -> torch.Tensor:
    """levels [rows, columns] from 0 to 15 → uint8 [rows, columns / 2].

    Byte j of a group's 16 holds column j in its low half and column j + 16 in its high half: half a register of bytes
    gives a whole one of levels, in order.
    """
    rows, columns = levels.shape
    low, high = levels.to(torch.uint8).view(rows, columns // GROUP, 2, GROUP // 2).unbind(2)
    return (low | (high << 4)).reshape(rows, columns // 2)


class Int4Linear:
    """y = x Wᵀ + b with W = (level - 8) · scale + zero.

    `packed` uint8 [rows, in / 2] as `pack` makes it; `scale_zero` bf16 [rows, in / 32, 2]; `step` float32 [rows], the
    largest weight of a row by 127; `bias` [rows].

    The weights are unpacked to 8 bits, a part at a time, and multiplied with 8-bit activations: less work than the
    16-bit product of weights that were 16-bit all along. (A single token takes the compiled step instead.)
    """

    def __init__(
        self,
        packed: torch.Tensor,
        scale_zero: torch.Tensor,
        step: torch.Tensor,
        bias: torch.Tensor | None = None,
    ) -> None:
        self.packed, self.scale_zero, self.step = packed, scale_zero, step
        self.bias = None if bias is None else bias.float()

    @property
    def nbytes(self) -> int:
        return self.packed.nbytes + self.scale_zero.nbytes + self.step.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        from .jit.unpacking import unpack  # compiling takes a moment, which a start without 4-bit weights saves

        rows, columns = self.packed.shape[0], 2 * self.packed.shape[1]
        rounded, y = EightBitRows.of(x), torch.empty((x.shape[0], rows))
        for part in rows_at_a_time((rows, columns), weights=_WEIGHTS_AT_A_TIME):
            levels = unpack(self.packed[part], self.scale_zero[part], self.step[part])
            rounded.times(levels.t(), self.step[part], y[:, part])
        return y if self.bias is None else y.add_(self.bias)
