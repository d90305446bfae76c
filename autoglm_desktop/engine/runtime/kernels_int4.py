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
    nibbles = packed.view(torch.int8).view(rows // order.block, 2 * half_columns, -1).bitwise_xor(-0x78)
    levels = torch.empty((*nibbles.shape[:2], order.block), dtype=torch.int8)
    low_place, high_place = order.places
    levels[..., low_place], levels[..., high_place] = (nibbles << 4) >> 4, nibbles >> 4
    return levels


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
        """By the 16-bit product. The offsets of a group meet only the sum of its inputs: a product 32 times smaller."""
        rows, columns = self._packed.shape[0], 2 * self._packed.shape[1]
        sums = x.view(-1, columns // GROUP, GROUP).sum(-1)
        block = self._layout.block
        ys = []
        for blocks_part in rows_at_a_time((rows // block, columns * block)):
            part = slice(blocks_part.start * block, blocks_part.stop * block)
            offsets = torch.mm(sums, self._scale_zero[:, part, 1])
            ys.append(torch.mm(x, self._scaled_levels(part)).add_(offsets))
        return ys[0] if len(ys) == 1 else torch.cat(ys, dim=1)

    def _scaled_levels(self, part: slice) -> torch.Tensor:
        """bf16 [columns, rows] of (level - 8) · scale for some rows, in the scratch memory.

        Widening a nibble and moving it are separate passes: one pass that does both runs at a tenth of their speed.
        """
        packed = self._packed[part].view(torch.int8)
        rows, columns, block = packed.shape[0], 2 * packed.shape[1], self._layout.block
        signed, nibble = SCRATCH.take(torch.int8, (2, packed.numel())).unbind()
        memory = SCRATCH.take(torch.bfloat16, (3, packed.numel()))
        weights, wide = memory[:2].view(columns, rows), memory[2].view(rows // block, columns, block // 2)
        places = weights.view(columns, rows // block, block).transpose(0, 1)
        low_place, high_place = self._layout.places
        torch.bitwise_xor(packed.reshape(-1), -0x78, out=signed)
        torch.bitwise_right_shift(signed, 4, out=nibble)
        places[..., high_place].copy_(wide.copy_(nibble.view_as(wide)))
        signed.bitwise_left_shift_(4).bitwise_right_shift_(4)
        places[..., low_place].copy_(wide.copy_(signed.view_as(wide)))
        weights.view(columns // GROUP, GROUP, rows).mul_(self._scale_zero[:, None, part, 0].contiguous())
        return weights
