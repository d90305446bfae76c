"""Packed weights times several tokens at once, on all threads: what reading a prompt is made of."""

from __future__ import annotations

import numpy as np
import torch

from autoglm_desktop.engine.runtime.kernels_packed import GROUP, PANEL

from .compiling import compiled
from .memory import barrier, share
from .rounding import round_row
from .threads import on_all_threads
from .tiles import (
    INT4_BYTES,
    INT4_MIDDLE,
    INT8_BYTES,
    INT8_MIDDLE,
    TILE,
    UNPACKED_BYTES,
    input_bytes,
    one_int4,
    one_int8,
    tile_int4,
    tile_int8,
    unpack_block,
)  # fmt: skip


@compiled
def _panel_int8(
    n: int,
    columns: int,
    weights: int,
    panel: int,
    scale: int,
    bias: int,
    inputs: int,
    stride: int,
    y: int,
    y_stride: int,
) -> None:
    block = weights + panel * (columns // GROUP) * INT8_BYTES
    if n == 1:
        one_int8(block, inputs, stride, columns, scale, bias, y, y_stride)
        return
    for t in range(0, n, TILE):
        tile_int8(block, inputs + t * stride, stride, columns, scale, bias, y + t * y_stride, y_stride)


@compiled
def _panel_int4(
    n: int,
    columns: int,
    weights: int,
    panel: int,
    bias: int,
    inputs: int,
    stride: int,
    y: int,
    y_stride: int,
    scratch: int,
) -> None:
    """Unpacked once, used for every tile of tokens."""
    groups = columns // GROUP
    block = weights + panel * groups * INT4_BYTES
    if n == 1:
        one_int4(block, inputs, stride, columns, 0, bias, y, y_stride)
        return
    for g in range(groups):
        unpack_block(block + g * INT4_BYTES, scratch + g * UNPACKED_BYTES)
    for t in range(0, n, TILE):
        tile_int4(scratch, inputs + t * stride, stride, columns, 0, bias, y + t * y_stride, y_stride)


@compiled
def _multiply(
    bits: int, x: int, x_stride: int, n: int, columns: int, weights: int, scale: int, bias: int, panels: int,
    inputs: int, stride: int, y: int, y_stride: int, scratch: int, counter: int, me: int, threads: int,
) -> None:  # fmt: skip
    """This thread's part. Strides in bytes; `inputs` and `y` have room for whole tiles, `scratch` for one panel."""
    begin, end = share(n, me, threads)
    for t in range(begin, end):
        round_row(x + t * x_stride, inputs + t * stride, columns, INT4_MIDDLE if bits == 4 else INT8_MIDDLE)
    barrier(counter, 0, threads)
    begin, end = share(panels, me, threads)
    for panel in range(begin, end):
        rows = panel * PANEL * 4
        if bits == 8:
            _panel_int8(n, columns, weights, panel, scale + rows, bias + rows, inputs, stride, y + rows, y_stride)
        else:
            _panel_int4(n, columns, weights, panel, bias + rows, inputs, stride, y + rows, y_stride, scratch)


def multiply(
    x: torch.Tensor, blocks: torch.Tensor, bits: int, scale: torch.Tensor | None, bias: torch.Tensor
) -> torch.Tensor:
    """x float32 [n, 32 · groups] times `blocks` uint8 [panels, groups, bytes]: float32 [n, 32 · panels].

    `scale` float32 [32 · panels], for 8 bits; `bias` likewise. See `tiles` for the blocks.
    """
    n, columns, panels = x.shape[0], x.shape[1], blocks.shape[0]
    whole = 1 if n == 1 else -(-n // TILE) * TILE
    threads = torch.get_num_threads()
    stride = -(-input_bytes(columns) // 64) * 64
    inputs = torch.empty((whole, stride), dtype=torch.uint8)
    inputs[n:] = 0
    y = torch.empty((whole, panels * PANEL))
    scratch_bytes = UNPACKED_BYTES * (columns // GROUP) if bits == 4 and n > 1 else 0
    scratch = torch.empty((threads, scratch_bytes), dtype=torch.uint8)
    scales, counter = 0 if scale is None else scale.data_ptr(), np.zeros(1, dtype=np.int64)
    x = x if x.stride(1) == 1 else x.contiguous()

    def work(me: int) -> None:
        _multiply(
            bits, x.data_ptr(), 4 * x.stride(0), n, columns, blocks.data_ptr(), scales, bias.data_ptr(), panels,
            inputs.data_ptr(), stride, y.data_ptr(), panels * PANEL * 4,
            scratch.data_ptr() + me * scratch_bytes, counter.ctypes.data, me, threads,
        )  # fmt: skip

    on_all_threads(threads, work)
    return y[:n]
