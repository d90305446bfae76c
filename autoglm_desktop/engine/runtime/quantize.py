"""Weights rounded to 8 and to 4 bits."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

from .kernels import rows_at_a_time
from .kernels_packed import GROUP

_LEVELS = 15
_SHRINK = (1.0, 0.92, 0.84)
"""How far the two ends of a group's range are drawn in when its grid is searched."""
_DAMPING = 0.2
"""Part of the Hessian's mean diagonal that is added to it: calibration texts are short."""
_MIGRATION = 0.65
"""SmoothQuant's α: 0.35, 0.5, 0.65 and 0.8 gave divergences of 0.028, 0.018, 0.016 and 0.020 on the 135 M model."""
_HESSIAN_BLOCK = 1280
"""Longest run of columns whose errors are compensated together: the work grows with the square of it."""


@dataclass(frozen=True, slots=True)
class Int8:
    """W ≈ `levels` · `scale`: int8 [rows, columns] from -127 to 127, and float32 [rows] (of bf16 precision)."""

    levels: torch.Tensor
    scale: torch.Tensor

    def dequantize(self) -> torch.Tensor:
        """float32 [rows, columns]."""
        return self.levels.float() * self.scale.unsqueeze(1)


@dataclass(frozen=True, slots=True)
class Int4:
    """W ≈ (`levels` - 8) · `scale` + `zero`: uint8 [rows, columns] from 0 to 15, bf16 [columns / 32, rows] each."""

    levels: torch.Tensor
    scale: torch.Tensor
    zero: torch.Tensor

    def dequantize(self) -> torch.Tensor:
        """float32 [rows, columns]."""
        scale = self.scale.float().t().repeat_interleave(GROUP, 1)
        return (self.levels.float() - 8) * scale + self.zero.float().t().repeat_interleave(GROUP, 1)


def smoothing(weight: torch.Tensor, peak: torch.Tensor) -> torch.Tensor:
    """Factors [columns] that make 8-bit activations fit: multiply the weight's columns, divide the inputs by them.

    `peak` [columns] is the largest input seen in each column. Outlying columns lose some of their size to the weights,
    whose rows have scales of their own (SmoothQuant, arXiv 2211.10438, eq. 4).
    """
    floor = torch.finfo(torch.bfloat16).eps
    inputs, weights = peak.float(), weight.abs().amax(dim=0).float()
    inputs, weights = inputs / inputs.max() + floor, weights / weights.max() + floor
    return inputs**_MIGRATION / weights ** (1 - _MIGRATION)


def to_int8(weight: torch.Tensor, factors: torch.Tensor | None = None) -> Int8:
    """Round to the nearest of 255 levels a row, after multiplying the columns by `factors`.

    |W - Ŵ| ≤ scale / 2, and scale ≤ peak of the row / 127 · (1 + 2⁻⁷).
    """
    levels, scales = torch.empty(weight.shape, dtype=torch.int8), torch.empty(weight.shape[0])
    for rows in rows_at_a_time(weight.shape):
        part = weight[rows].float() if factors is None else weight[rows].float() * factors
        scale = _bf16_above(part.abs().amax(dim=1) / 127).clamp_min_(torch.finfo(torch.bfloat16).tiny)
        levels[rows] = part.div(scale.unsqueeze(1)).round_().to(torch.int8)
        scales[rows] = scale
    return Int8(levels, scales)


def to_int4(weight: torch.Tensor, hessian: torch.Tensor | None = None) -> Int4:
    """Round to 16 levels in groups of 32 columns, each with its own grid.

    `hessian` [columns, columns] float32 is the sum of x xᵀ over the inputs x that this weight sees. With it each
    column's rounding error is made up for by the columns that follow, so that the error of the product, not that of
    the weight, becomes small (GPTQ, arXiv 2210.17323), in blocks of columns.
    """
    columns = weight.shape[1]
    if columns % GROUP:
        raise ValueError(f"{columns} columns are not a multiple of {GROUP}")
    step = _block(columns)
    parts = [
        _Compensated(weight[:, i : i + step], None if hessian is None else hessian[i : i + step, i : i + step]).run()
        for i in range(0, columns, step)
    ]
    return Int4(
        torch.cat([part.levels for part in parts], 1),
        torch.cat([part.scale for part in parts]),
        torch.cat([part.zero for part in parts]),
    )


def _block(columns: int) -> int:
    """Columns of a block: as even as groups allow, none above `_HESSIAN_BLOCK`."""
    groups, count = columns // GROUP, -(-columns // _HESSIAN_BLOCK)
    return -(-groups // count) * GROUP


class _Compensated:
    """The rounding of one block, column by column. Works on the transposed weight: columns lie together in memory."""

    def __init__(self, weight: torch.Tensor, hessian: torch.Tensor | None) -> None:
        self._work = weight.t().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        self._importance = torch.ones(self._work.shape[0]) if hessian is None else hessian.diagonal()
        self._spread = None if hessian is None else _spread(hessian)

    def run(self) -> Int4:
        columns, rows = self._work.shape
        levels = torch.empty((columns, rows), dtype=torch.uint8)
        scales, zeros = [], []
        for start in range(0, columns, GROUP):
            group = slice(start, start + GROUP)
            scale, zero = grid(self._work[group], self._importance[group])
            levels[group] = self._round_group(start, scale, zero)
            scales.append(scale)
            zeros.append(zero)
        return Int4(
            levels.t().contiguous(), torch.stack(scales).to(torch.bfloat16), torch.stack(zeros).to(torch.bfloat16)
        )

    def _round_group(self, start: int, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        stop, work, spread = start + GROUP, self._work, self._spread
        if spread is None:
            return _nearest(work[start:stop], scale, zero)
        levels, errors = torch.empty_like(work[start:stop]), torch.empty_like(work[start:stop])
        for i in range(start, stop):
            level = _nearest(work[i], scale, zero)
            levels[i - start] = level
            error = (work[i] - ((level - 8) * scale).add_(zero)).div_(spread[i, i])
            errors[i - start] = error
            work[i + 1 : stop].addr_(spread[i, i + 1 : stop], error, alpha=-1)
        work[stop:].addmm_(spread[start:stop, stop:].t(), errors, alpha=-1)
        return levels


def grid(group: torch.Tensor, importance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and zero, float32 [rows] of bf16 precision, for `group` [32, rows], weighted by `importance` [32].

    Tries the group's own range and narrower ones, and keeps for each row the one with the least squared error.
    """
    low, high = group.amin(0), group.amax(0)
    best_scale, best_zero = _steps(low, high)
    best = _error(group, best_scale, best_zero, importance)
    for shrink_low, shrink_high in itertools.product(_SHRINK, repeat=2):
        scale, zero = _steps(low * shrink_low, high * shrink_high)
        error = _error(group, scale, zero, importance)
        better = error < best
        best = torch.where(better, error, best)
        best_scale, best_zero = torch.where(better, scale, best_scale), torch.where(better, zero, best_zero)
    return best_scale, best_zero


def _steps(low: torch.Tensor, high: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scale = ((high - low) / _LEVELS).to(torch.bfloat16).float().clamp_min_(torch.finfo(torch.bfloat16).tiny)
    return scale, (low + 8 * scale).to(torch.bfloat16).float()


def _nearest(weight: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    return ((weight - zero) / scale).add_(8).round_().clamp_(0, _LEVELS)


def _error(group: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, importance: torch.Tensor) -> torch.Tensor:
    rounded = _nearest(group, scale, zero).sub_(8).mul_(scale).add_(zero)
    return torch.mv(rounded.sub_(group).square_().t(), importance)


def _spread(hessian: torch.Tensor) -> torch.Tensor:
    """The upper Cholesky factor of the damped inverse: how a column's error is shared out among those that follow."""
    damped = hessian.clone()
    damped.diagonal().add_(_DAMPING * hessian.diagonal().mean().clamp_min(torch.finfo(torch.float32).tiny))
    spread: torch.Tensor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    return spread


def _bf16_above(x: torch.Tensor) -> torch.Tensor:
    """The smallest bf16 numbers that are not below `x` (which is not negative), as float32."""
    rounded = x.to(torch.bfloat16)
    next_up = (rounded.view(torch.int16) + 1).view(torch.bfloat16)
    return torch.where(rounded.float() < x, next_up.float(), rounded.float())
