"""Activations in 8 bits, and their product with 8-bit weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

NARROW = not torch.cpu._is_vnni_supported()
"""Without VNNI pairs of products are added in 16 bits, which only 7-bit activations do not overflow."""
_PEAK = 63 if NARROW else 127


def row_range(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Smallest and largest of each row, [n, 1] each. Two passes: torch's one for both is twenty times as slow."""
    return x.amin(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)


@dataclass(frozen=True, slots=True)
class EightBitRows:
    """x ≈ `levels` · `step` + `middle`, row by row: each row is rounded over its own range.

    `levels` int8 [n + 1, in] has a last row of ones, for the sums over the weights' columns that `middle` needs.
    """

    levels: torch.Tensor
    step: torch.Tensor
    middle: torch.Tensor

    @staticmethod
    def of(x: torch.Tensor) -> EightBitRows:
        """Round x [n, in]."""
        x = x.float()
        low, high = row_range(x)
        middle = (low + high) / 2
        step = ((high - low) / (2 * _PEAK)).clamp_min_(torch.finfo(torch.float32).tiny)
        levels = torch.ones((x.shape[0] + 1, x.shape[1]), dtype=torch.int8)
        levels[:-1] = (x - middle).div_(step).round_()
        return EightBitRows(levels, step, middle)

    def times(self, weight: torch.Tensor, scale: torch.Tensor, out: torch.Tensor) -> None:
        """out [n, rows] = x (weight · scale), for int8 `weight` [in, rows] in any order and float32 `scale` [rows]."""
        sums = torch._int_mm(self.levels, weight)
        product = (sums[:-1] * self.step).addr_(self.middle[:, 0], sums[-1].float())
        torch.mul(product, scale, out=out)
