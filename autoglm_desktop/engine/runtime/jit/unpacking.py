"""4-bit weights to 8 bits, for products of many tokens."""

from __future__ import annotations

from typing import Any

import torch
from numba import types

from .compiling import compiled, primitive
from .ir_tools import I8, I16, I64, LANES, Builder, Value, constant, load, splat, store, vector
from .threads import on_all_threads


@primitive
def _unpack_group(context: Any, packed: Any, scale: Any, offset: Any, out: Any) -> Any:
    """int8 [32] at `out`: (level · scale + offset) / 256 of the 16 bytes at `packed`, in 16-bit fixed point."""

    def generate(c: Any, b: Builder, __: Any, values: Any) -> Value:
        packed, scale, offset, out = values
        both, wide = load(b, packed, vector(I8)), vector(I16)
        scales, offsets = (splat(b, b.trunc(v, I16)) for v in (scale, offset))
        for half, levels in enumerate((b.and_(both, constant(both.type, 15)), b.lshr(both, constant(both.type, 4)))):
            fixed = b.add(
                b.mul(b.zext(levels, wide), scales), offsets
            )  # the product may wrap, the sum is back in range
            store(b, b.trunc(b.ashr(fixed, constant(wide, 8)), both.type), b.add(out, I64(half * LANES)))
        return c.get_dummy_value()

    return types.void(packed, types.int32, types.int32, out), generate


@compiled
def _unpack_rows(packed: int, fixed: Any, out: int, columns: int, begin: int, end: int) -> None:
    """Rows `begin` to `end` of [rows, columns]; `fixed` int32 [rows, columns / 32, 2]: scale and offset."""
    groups = columns // 32
    for row in range(begin, end):
        for g in range(groups):
            here = row * groups + g
            _unpack_group(packed + here * 16, fixed[row, g, 0], fixed[row, g, 1], out + here * 32)


def unpack(packed: torch.Tensor, scale_zero: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """int8 [rows, columns], times `step` the weights, rounded; arguments as of `Int4Linear`."""
    rows, columns = packed.shape[0], 2 * packed.shape[1]
    out = torch.empty((rows, columns), dtype=torch.int8)
    pairs = scale_zero.float().mul_((256 / step.clamp_min(1e-35)).view(-1, 1, 1)).round_()
    pairs[..., 1].sub_(pairs[..., 0], alpha=8).add_(128)
    fixed = pairs.to(torch.int32).numpy()

    threads = torch.get_num_threads()

    def work(me: int) -> None:
        begin, end = rows * me // threads, rows * (me + 1) // threads
        _unpack_rows(packed.data_ptr(), fixed, out.data_ptr(), columns, begin, end)

    on_all_threads(threads, work)
    return out
