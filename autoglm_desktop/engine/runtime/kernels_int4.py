"""4-bit weights in groups of 32 with a scale and an offset each; activations in bf16."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from .kernels import SCRATCH, rows_at_a_time

GROUP = 32
ROW_MULTIPLE = 64
_FEW_TOKENS = 12
"""Up to here torch's 4-bit kernel is quicker than unpacking the weights for the 16-bit product."""


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
    def name(self) -> str:
        return f"{'pairs' if self.interleaved else 'halves'}{self.block}"


@functools.cache
def layout() -> Layout:
    """The layout on this processor, found by packing a known matrix."""
    plain = Layout(ROW_MULTIPLE, interleaved=False, kernel=False)
    if not hasattr(torch.ops.aten, "_weight_int4pack_mm_for_cpu"):
        return plain
    values = torch.arange(ROW_MULTIPLE * GROUP, dtype=torch.int32).view(ROW_MULTIPLE, GROUP)
    values = (values * 7 + values // 5) % 16
    packed = pack(values, Layout(ROW_MULTIPLE, interleaved=False))
    for known in (Layout(64, interleaved=False), Layout(32, interleaved=False), Layout(32, interleaved=True)):
        if torch.equal(_levels(packed, known).transpose(1, 2).reshape(values.shape) + 8, values):
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


def _levels(packed: torch.Tensor, order: Layout) -> torch.Tensor:
    """int8 [rows / block, columns, block] of levels minus 8."""
    rows, half_columns = packed.shape
    half = order.block // 2
    nibbles = packed.view(torch.int8).view(rows // order.block, 2 * half_columns, half).bitwise_xor(-0x78)
    low, high = (nibbles << 4) >> 4, nibbles >> 4
    return torch.stack((low, high), -1).flatten(-2) if order.interleaved else torch.cat((low, high), -1)


class Int4Linear:
    """y = x Wᵀ + b with W = (level - 8) · scale + zero.

    `packed` uint8 [rows, in / 2] in the kernel's order, rows padded to a multiple of 64; `scale_zero` bf16
    [in / 32, rows, 2]; `bias` bf16 [out]; `out` the rows that count.
    """

    dtype = torch.bfloat16

    def __init__(
        self, packed: torch.Tensor, scale_zero: torch.Tensor, out: int, bias: torch.Tensor | None = None
    ) -> None:
        self._packed, self._scale_zero, self._out, self._bias = packed, scale_zero, out, bias
        self._layout = layout()
        self._few_tokens = _FEW_TOKENS if self._layout.kernel else 0

    @property
    def nbytes(self) -> int:
        return self._packed.nbytes + self._scale_zero.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(torch.bfloat16)
        y = self._kernel(x) if x.shape[0] <= self._few_tokens else self._unpacked(x)
        if y.shape[1] != self._out:
            y = y[:, : self._out]
        return y if self._bias is None else y.add_(self._bias)

    def _kernel(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x, self._packed, GROUP, self._scale_zero)
        return y

    def _unpacked(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self._packed.shape[0], 2 * self._packed.shape[1]
        y = torch.empty((x.shape[0], rows), dtype=torch.bfloat16)
        block = self._layout.block
        for blocks_part in rows_at_a_time((rows // block, columns * block)):
            part = slice(blocks_part.start * block, blocks_part.stop * block)
            blocks = torch.matmul(x, self._dequantized(part))
            y[:, part] = blocks.transpose(0, 1).flatten(1)
        return y

    def _dequantized(self, part: slice) -> torch.Tensor:
        """bf16 [rows / block, columns, block] of the weights in some rows, in the scratch memory."""
        levels = _levels(self._packed[part], self._layout)
        count, columns, block = levels.shape
        weights = SCRATCH.take(torch.bfloat16, levels.shape)
        grouped = weights.view(count, columns // GROUP, GROUP, block)
        scale_zero = self._scale_zero[:, part].view(columns // GROUP, count, 1, block, 2).transpose(0, 1)
        torch.addcmul(scale_zero[..., 1], grouped.copy_(levels.view_as(grouped)), scale_zero[..., 0], out=grouped)
        return weights
