"""4-bit weights in groups of 32 with a scale and an offset each."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from .activations import EightBitRows
from .kernels import rows_at_a_time

GROUP = 32
ROW_MULTIPLE = 64
_LOW_HALVES = 0x0F0F0F0F0F0F0F0F
_WORD_BYTES = 8
_FEW_TOKENS = 12
"""Up to here torch's 4-bit kernel is quicker than unpacking the weights."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How `_convert_weight_to_int4pack_for_cpu` orders nibbles: [rows / block, columns, block / 2] bytes.

    A byte holds two rows of the block in one column, the first in its low half: neighbours (`interleaved`), or a row of
    the first half of the block and its counterpart in the second. Without `kernel` torch has no product for it here.
    """

    block: int
    interleaved: bool
    kernel: bool = True

    @property
    def places(self) -> tuple[slice, slice]:
        """Which rows of a block the low halves of its bytes hold, and which the high halves."""
        half = self.block // 2
        return (slice(0, None, 2), slice(1, None, 2)) if self.interleaved else (slice(0, half), slice(half, None))

    @property
    def name(self) -> str:
        return f"{'pairs' if self.interleaved else 'halves'}{self.block}"


@functools.cache
def layout() -> Layout:
    """The layout on this processor, found by packing a known matrix."""
    plain = Layout(ROW_MULTIPLE, interleaved=False, kernel=False)
    if not hasattr(torch, "_weight_int4pack_mm_for_cpu"):
        return plain
    values = torch.arange(ROW_MULTIPLE * GROUP, dtype=torch.int32).view(ROW_MULTIPLE, GROUP)
    values = (values * 7 + values // 5) % 16
    packed = pack(values, Layout(ROW_MULTIPLE, interleaved=False))
    for known in (Layout(64, interleaved=False), Layout(32, interleaved=False), Layout(32, interleaved=True)):
        if torch.equal(_unpack(packed, known), values):
            return known
    return plain


def pack(levels: torch.Tensor, order: Layout) -> torch.Tensor:
    """levels [rows, columns] from 0 to 15, rows a multiple of 64 → uint8 [rows, columns / 2] in the kernel's order."""
    if order.kernel:
        packed: torch.Tensor = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels.to(torch.int32), 1)
        return packed
    rows, columns = levels.shape
    blocks = levels.to(torch.uint8).view(rows // order.block, order.block, columns).transpose(1, 2)
    low, high = blocks.chunk(2, dim=-1)
    return (low | (high << 4)).reshape(rows, columns // 2)


def _unpack(packed: torch.Tensor, order: Layout) -> torch.Tensor:
    """int32 [rows, columns] of levels: what was given to `pack`."""
    halves = _halves(packed, order)
    blocks = torch.stack(halves, -1).flatten(-2) if order.interleaved else torch.cat(halves, -1)
    return blocks.transpose(1, 2).reshape(packed.shape[0], -1).int()


def _halves(packed: torch.Tensor, order: Layout) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 [rows / block, columns, block / 2] of levels, twice: what low and what high halves of bytes hold.

    Taken apart eight bytes at a time: torch shifts single bytes ten times as slowly.
    """
    rows, half_columns = packed.shape
    shape = (rows // order.block, 2 * half_columns, order.block // 2)
    words = packed.view(torch.int64)
    low, high = words & _LOW_HALVES, words.bitwise_right_shift(4).bitwise_and_(_LOW_HALVES)
    return low.view(torch.uint8).view(shape), high.view(torch.uint8).view(shape)


class Int4Linear:
    """y = x Wᵀ + b with W = (level - 8) · scale + zero.

    `packed` uint8 [rows, in / 2] in the kernel's order, rows padded to a multiple of 64; `scale_zero` bf16
    [in / 32, rows, 2]; `step` float32 [rows], the largest weight of a row by 127; `bias` bf16 [out]; `out` the rows
    that count.

    Few tokens are multiplied in bf16 by torch's kernel. For many the weights are unpacked to 8 bits, a part at a time,
    and multiplied with 8-bit activations: less work than the 16-bit product of weights that were 16-bit all along.
    """

    def __init__(
        self,
        packed: torch.Tensor,
        scale_zero: torch.Tensor,
        step: torch.Tensor,
        out: int,
        bias: torch.Tensor | None = None,
    ) -> None:
        aligned = packed.storage_offset() % _WORD_BYTES == 0  # so it is in a file, unless the model's sizes are odd
        self._packed = packed if aligned else packed.clone()
        self._scale_zero, self._step = scale_zero, step
        self._per_step = (256 / step.clamp_min(1e-35)).repeat_interleave(2)
        self._out, self._bias = out, bias
        self._order = layout()
        self._few_tokens = _FEW_TOKENS if self._order.kernel else 0

    @property
    def nbytes(self) -> int:
        return self._packed.nbytes + self._scale_zero.nbytes + self._step.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self._kernel(x) if x.shape[0] <= self._few_tokens else self._unpacked(x)
        if y.shape[1] != self._out:
            y = y[:, : self._out]
        return y if self._bias is None else y.add_(self._bias)

    def _kernel(self, x: torch.Tensor) -> torch.Tensor:
        return torch._weight_int4pack_mm_for_cpu(x.to(torch.bfloat16), self._packed, GROUP, self._scale_zero)

    def _unpacked(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self._packed.shape[0], 2 * self._packed.shape[1]
        rounded, y = EightBitRows.of(x), torch.empty((x.shape[0], rows))
        for part in rows_at_a_time((rows, columns), ROW_MULTIPLE):
            rounded.times(self._as_int8(part), self._step[part], y[:, part])
        return y

    def _as_int8(self, part: slice) -> torch.Tensor:
        """int8 [in, rows of the part], times `step` the weights: in 16-bit fixed point, with 8 bits behind the point.

        Each pass does one thing to neighbouring numbers; those that widen and move at once take ten times as long.
        """
        halves = _halves(self._packed[part], self._order)
        blocks, columns, _ = halves[0].shape
        narrow = torch.empty((columns, blocks, self._order.block), dtype=torch.uint8)
        for levels, place in zip(halves, self._order.places, strict=True):
            narrow[..., place] = levels.transpose(0, 1)
        wide = narrow.view(columns // GROUP, GROUP, blocks * self._order.block).to(torch.int16)
        scale, offset = self._fixed_point(part)
        wide.mul_(scale).add_(offset).bitwise_right_shift_(8)  # the product may wrap around, the sum is back in range
        return wide.to(torch.int8).view(columns, -1)

    def _fixed_point(self, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """int16 [in / 32, 1, rows] each: a weight is (level · scale + offset) / 256, in steps of its row, rounded."""
        pairs = self._scale_zero[:, part].float().view(self._scale_zero.shape[0], -1)
        fixed = pairs.mul_(self._per_step[2 * part.start : 2 * part.stop]).round_().to(torch.int32)
        scale, zero = fixed.view(fixed.shape[0], 1, -1, 2).unbind(-1)
        return scale.to(torch.int16), zero.sub(scale, alpha=8).add_(128).to(torch.int16)
