"""4-bit weights to 8 bits, for products of many tokens."""

from __future__ import annotations

from typing import Any

import torch
from numba import types

from .compiling import compiled, primitive
from .ir_tools import I8, I16, I32, I64, LANES, Builder, Value, call, constant, from_bf16, load, splat, store, vector
from .threads import on_all_threads


@primitive
def _unpack_group(context: Any, packed: Any, pair: Any, per_step: Any, out: Any) -> Any:
    """int8 [32] at `out`, from the 16 bytes at `packed` and the bf16 scale and zero at `pair`.

    In 16-bit fixed point with 8 bits behind the point: the product may wrap around, the sum is back in range.
    """

    def generate(c: Any, b: Builder, __: Any, values: Any) -> Value:
        packed, pair, per_step, out = values
        grid = b.fmul(from_bf16(b, load(b, pair, vector(I16, 2))), splat(b, per_step, 2))
        fixed = b.fptosi(call(b, "llvm.rint.v2f32", grid.type, grid), vector(I32, 2))
        scale, zero = (b.extract_element(fixed, I32(lane)) for lane in range(2))
        offset = b.add(b.sub(zero, b.mul(scale, I32(8))), I32(128))
        scales, offsets = (splat(b, b.trunc(v, I16)) for v in (scale, offset))
        both, wide = load(b, packed, vector(I8)), vector(I16)
        for half, levels in enumerate((b.and_(both, constant(both.type, 15)), b.lshr(both, constant(both.type, 4)))):
            sums = b.add(b.mul(b.zext(levels, wide), scales), offsets)
            store(b, b.trunc(b.ashr(sums, constant(wide, 8)), both.type), b.add(out, I64(half * LANES)))
        return c.get_dummy_value()

    return types.void(packed, pair, types.float32, out), generate


@compiled
def _unpack_rows(packed: int, pairs: int, per_step: Any, out: int, groups: int, begin: int, end: int) -> None:
    """Rows `begin` to `end` of [rows, 32 · groups]."""
    for row in range(begin, end):
        for here in range(row * groups, (row + 1) * groups):
            _unpack_group(packed + here * 16, pairs + here * 4, per_step[row], out + here * 32)


def unpack(packed: torch.Tensor, scale_zero: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """int8 [rows, columns], times `step` the weights, rounded; arguments as of `Int4Linear`, contiguous."""
    rows, groups = scale_zero.shape[:2]
    out = torch.empty((rows, 32 * groups), dtype=torch.int8)
    per_step = (256 / step.clamp_min(1e-35)).numpy()
    threads = torch.get_num_threads()

    def work(me: int) -> None:
        begin, end = rows * me // threads, rows * (me + 1) // threads
        _unpack_rows(packed.data_ptr(), scale_zero.data_ptr(), per_step, out.data_ptr(), groups, begin, end)

    on_all_threads(threads, work)
    return out
