"""Products of packed weights: 32 rows of a matrix with one or several tokens' inputs, 16 rows to a vector.

Addresses are int64. Columns come in groups of 32, rows in panels of 32; the last ones are filled up with zeros. A
panel's groups lie one behind the other:

- 8 bit: uint8 [8, 32, 4]: eight times four columns of 32 rows, each level plus 128; 1,024 bytes;
- 4 bit: uint8 [4, 32, 4], then bf16 [2, 32], scales and offsets; 640 bytes. A byte's low half holds a level of the
  first four of eight columns, its high half one of the other four. W = (level - 8) · scale + offset;
- 4 bit unpacked: as 8 bit, with levels from 0 to 15, then float32 [2, 32], scales and offsets; 1,280 bytes.

One token's input (`input_bytes`): int8 levels [columns], then for every group int32 minus the sum of its levels times
the level of a weight that is 0, float32 the step of a level, and float32 the sum of its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from numba import types

from autoglm_desktop.engine.runtime.kernels_packed import GROUP, PANEL

from .compiling import primitive
from .ir_tools import (
    F32,
    I8,
    I16,
    I32,
    I64,
    LANES,
    Builder,
    Value,
    at,
    call,
    constant,
    fma,
    from_bf16,
    load,
    shuffle,
    splat,
    store,
    summed,
    vector,
)  # fmt: skip
from .processor import AVX2, VNNI, WIDE

INT8_BYTES, INT4_BYTES, UNPACKED_BYTES = 1024, 640, 1280
"""Of a group of columns in a panel."""
INT8_MIDDLE, INT4_MIDDLE = 128, 8
"""The level of a weight that is 0 (where its group has no offset)."""
TILE = 6 if WIDE else 2
"""Tokens that are multiplied at a time: their sums fill the registers."""
_HALVES = PANEL // LANES
_QUADS = GROUP // 4
_TINY = 1e-30


def input_bytes(columns: int) -> int:
    """Bytes of one token's input of so many columns, a multiple of 32."""
    return columns + 12 * (columns // GROUP)


def _byte_products(b: Builder, start: Value, unsigned: Value, signed: Value) -> Value:
    """start [16] int32 + sums of four neighbouring products of 64 bytes."""
    if WIDE:
        words = start.type
        return call(b, "llvm.x86.avx512.vpdpbusd.512", words, start, *(b.bitcast(v, words) for v in (unsigned, signed)))
    if VNNI:
        return _in_halves(b, start, unsigned, signed)
    return _by_pairs(b, start, unsigned, signed)


def _by_pairs(b: Builder, start: Value, unsigned: Value, signed: Value) -> Value:
    """Without VNNI: the first and third of four bytes as 16-bit numbers, then the second and fourth."""
    words = vector(I16, 32)
    w, x, byte = b.bitcast(unsigned, words), b.bitcast(signed, words), constant(words, 8)
    first = (b.and_(w, constant(words, 255)), b.ashr(b.shl(x, byte), byte))
    second = (b.lshr(w, byte), b.ashr(x, byte))
    for weights, inputs in (first, second):
        start = b.add(start, _pair_products(b, weights, inputs))
    return start


def _pair_products(b: Builder, x: Value, y: Value) -> Value:
    """int32 [16] sums of two neighbouring products of int16 [32]."""
    if AVX2:
        halves = []
        for half in range(2):
            cut = [shuffle(b, v, v, range(half * 16, half * 16 + 16)) for v in (x, y)]
            halves.append(call(b, "llvm.x86.avx2.pmadd.wd", vector(I32, 8), *cut))
        return shuffle(b, halves[0], halves[1], range(16))
    products = b.mul(*(b.sext(v, vector(I32, 32)) for v in (x, y)))
    return b.add(*(shuffle(b, products, products, range(odd, 32, 2)) for odd in range(2)))


def _in_halves(b: Builder, start: Value, unsigned: Value, signed: Value) -> Value:
    words, halves = vector(I32, 8), []
    for half in range(2):
        cut = range(half * 8, half * 8 + 8)
        parts = [start, *(b.bitcast(v, start.type) for v in (unsigned, signed))]
        parts = [shuffle(b, part, part, cut) for part in parts]
        halves.append(call(b, "llvm.x86.avx512.vpdpbusd.256", words, *parts))
    return shuffle(b, halves[0], halves[1], range(16))


def _quads(b: Builder, block: Value, packed: bool) -> Iterator[list[Value]]:
    """For each four columns of a group: uint8 [64] of the panel's rows, 16 to a vector."""
    for piece in range(_QUADS // 2 if packed else _QUADS):
        places = [b.add(block, I64((piece * _HALVES + half) * 64)) for half in range(_HALVES)]
        both = [load(b, place, vector(I8, 64)) for place in places]
        if not packed:
            yield both
            continue
        yield [b.and_(v, constant(v.type, 15)) for v in both]
        yield [b.lshr(v, constant(v.type, 4)) for v in both]


def _grid(b: Builder, block: Value, packed: bool) -> list[list[Value]]:
    """Scales and offsets of a 4-bit group, float32 [16] for each half of the panel."""
    kind, size = (vector(I16), 2) if packed else (vector(F32), 4)
    start = b.add(block, I64(512 if packed else 1024))
    found = [load(b, b.add(start, I64(LANES * size * i)), kind) for i in range(2 * _HALVES)]
    values = [from_bf16(b, v) if packed else v for v in found]
    return [values[:_HALVES], values[_HALVES:]]


def _tile(b: Builder, bits: int, tokens: int, packed: bool, values: Any) -> list[list[Value]]:
    """float32 [16] sums, by token and half: the panel at `weights` times the inputs at `inputs`, `stride` apart."""
    weights, inputs, stride, columns = values
    groups = b.sdiv(columns, I64(GROUP))
    size = INT8_BYTES if bits == 8 else INT4_BYTES if packed else UNPACKED_BYTES
    levels = [b.add(inputs, b.mul(stride, I64(t))) for t in range(tokens)]
    starts = [b.add(address, columns) for address in levels]
    table = b.mul(groups, I64(4))

    def step(g: Value, sums: list[Value]) -> list[Value]:
        block = at(b, weights, g, size)
        tables = [at(b, address, g, 4) for address in starts]
        found = [[splat(b, load(b, address, I32))] * _HALVES for address in tables]
        for quad, halves in enumerate(_quads(b, block, packed and bits == 4)):
            for t in range(tokens):
                address = b.add(at(b, levels[t], g, GROUP), I64(4 * quad))
                four = b.bitcast(splat(b, load(b, address, I32)), vector(I8, 64))
                found[t] = [_byte_products(b, s, w, four) for s, w in zip(found[t], halves, strict=True)]
        grid = _grid(b, block, packed) if bits == 4 else None
        new = []
        for t in range(tokens):
            steps = splat(b, load(b, b.add(tables[t], table), F32))
            whole = splat(b, load(b, b.add(tables[t], b.mul(table, I64(2))), F32)) if grid else None
            for half in range(_HALVES):
                value = b.sitofp(found[t][half], vector(F32))
                before = sums[t * _HALVES + half]
                if grid is None:
                    new.append(fma(b, value, steps, before))
                else:
                    before = fma(b, grid[1][half], whole, before)
                    new.append(fma(b, value, b.fmul(grid[0][half], steps), before))
        return new

    sums = summed(b, groups, [vector(F32)] * (tokens * _HALVES), step)
    return [sums[t * _HALVES : (t + 1) * _HALVES] for t in range(tokens)]


def _put(b: Builder, sums: list[list[Value]], scale: Value | None, bias: Value, out: Value, stride: Value) -> None:
    """Write the sums, by token `stride` bytes apart, times the rows' scales, plus their bias."""
    for half in range(_HALVES):
        here = I64(half * 64)
        offsets = load(b, b.add(bias, here), vector(F32))
        scales = None if scale is None else load(b, b.add(scale, here), vector(F32))
        for t, of_token in enumerate(sums):
            value = of_token[half]
            value = b.fadd(value, offsets) if scales is None else fma(b, value, scales, offsets)
            store(b, value, b.add(b.add(out, b.mul(stride, I64(t))), here))


def _product(bits: int, tokens: int, packed: bool) -> Any:
    """(weights, inputs, stride, columns, scale, bias, out, out's stride) → nothing; `scale` is read for 8 bits only."""

    def typed(context: Any, w: Any, x: Any, stride: Any, n: Any, scale: Any, bias: Any, out: Any, outs: Any) -> Any:
        def generate(c: Any, b: Builder, _: Any, values: Any) -> Value:
            sums = _tile(b, bits, tokens, packed, values[:4])
            _put(b, sums, values[4] if bits == 8 else None, *values[5:])
            return c.get_dummy_value()

        return types.void(w, x, stride, n, scale, bias, out, outs), generate

    return primitive(typed)


one_int8 = _product(8, 1, True)
one_int4 = _product(4, 1, True)
tile_int8 = _product(8, TILE, False)
tile_int4 = _product(4, TILE, False)


@primitive
def unpack_block(context: Any, packed: Any, out: Any) -> Any:
    """One group of a 4-bit panel → unpacked."""

    def generate(c: Any, b: Builder, _: Any, values: Any) -> Value:
        block, out = values
        for quad, halves in enumerate(_quads(b, block, True)):
            for half, levels in enumerate(halves):
                store(b, levels, b.add(out, I64((quad * _HALVES + half) * 64)))
        for i, value in enumerate(chain.from_iterable(_grid(b, block, True))):
            store(b, value, b.add(out, I64(1024 + 64 * i)))
        return c.get_dummy_value()

    return types.void(packed, out), generate


@primitive
def round_group(context: Any, x: Any, levels: Any, table: Any, size: Any, middle: Any) -> Any:
    """Round 32 float32 at `x` to int8 at `levels`; start, step and sum at `table`, `size` bytes apart."""

    def generate(c: Any, b: Builder, _: Any, values: Any) -> Value:
        x, levels, table, size, middle = values
        parts = [load(b, b.add(x, I64(64 * half)), vector(F32)) for half in range(2)]
        sizes = [call(b, "llvm.fabs.v16f32", part.type, part) for part in parts]
        largest = call(b, "llvm.maxnum.v16f32", sizes[0].type, *sizes)
        peak = call(b, "llvm.vector.reduce.fmax.v16f32", F32, largest, flags=("fast",))
        peak = call(b, "llvm.maxnum.f32", F32, peak, F32(_TINY))
        per_step = splat(b, b.fdiv(F32(127.0), peak))
        whole = [call(b, "llvm.rint.v16f32", part.type, b.fmul(part, per_step)) for part in parts]
        numbers = [b.fptosi(part, vector(I32)) for part in whole]
        for half, number in enumerate(numbers):
            store(b, b.trunc(number, vector(I8)), b.add(levels, I64(16 * half)))
        total = call(b, "llvm.vector.reduce.add.v16i32", I32, b.add(*numbers))
        step = b.fdiv(peak, F32(127.0))
        store(b, b.neg(b.mul(total, b.trunc(middle, I32))), table)
        store(b, step, b.add(table, size))
        store(b, b.fmul(step, b.sitofp(total, F32)), b.add(table, b.add(size, size)))
        return c.get_dummy_value()

    return types.void(x, levels, table, size, types.int64), generate
