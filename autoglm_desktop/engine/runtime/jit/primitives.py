"""What the compiled step is made of: products of one row, barriers between threads, raw memory.

Addresses are int64. Rows of weights:

- 16 bit: bf16 [n];
- 8 bit: int8 [n], one scale a row, applied by the caller;
- 4 bit: uint8 [n / 2] in groups of 32 columns of 16 bytes, byte j of a group holds column j in its low half and
  column j + 16 in its high half; bf16 (scale, zero) a group: W = (level - 8) · scale + zero.

Inputs lie in one piece of memory (`input_bytes(n)`): float32 x [n]; float32 [n / 32, 2], for each group of 32 its step
and the sum of its values; int8 levels [n]; int32 [n / 4], the levels' sums over four, times minus the weights' bias.
Where the processor multiplies and adds bytes (VNNI), rows are multiplied with the levels, else with x.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import Any

import llvmlite.binding as llvm
from numba import types

from .compiling import primitive
from .ir_tools import (
    F32,
    I8,
    I16,
    I32,
    I64,
    LANES,
    VOID,
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
    total,
    vector,
)  # fmt: skip

GROUP = 32
_TINY = 1e-30


def _has_vnni() -> bool:
    """Whether 256-bit VNNI can be used: AVX-512's, or AVX-VNNI."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    has = llvm.get_host_cpu_features()
    return bool((has.get("avx512vnni") and has.get("avx512vl")) or has.get("avxvnni"))


VNNI = _has_vnni()
WIDE = VNNI and bool(llvm.get_host_cpu_features().get("avx512vnni"))


def _thread_yield() -> str:
    """The name under which compiled code finds the operating system's way to give up a time slice."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    llvm.add_symbol("autoglm_yield", ctypes.cast(function, ctypes.c_void_p).value)
    return "autoglm_yield"


YIELD = _thread_yield()


def input_bytes(n: int) -> int:
    """Bytes of an input of `n` numbers with its tables."""
    return 4 * n + 8 * (n // GROUP) + n + n


# -- products of one row


def _dot_bf16(b: Builder, w: Value, x: Value, n: Value) -> Value:
    """Σ w · x for bf16 `w` and float32 `x`, `n` a multiple of 16."""

    def step(i: Value, sums: list[Value]) -> list[Value]:
        weights = from_bf16(b, load(b, at(b, w, i, 2 * LANES), vector(I16)))
        return [fma(b, weights, load(b, at(b, x, i, 4 * LANES), vector(F32)), sums[0])]

    (found,) = summed(b, b.sdiv(n, I64(LANES)), [vector(F32)], step)
    return total(b, found)


def _dot_int8(b: Builder, w: Value, x: Value, n: Value) -> Value:
    """Σ w · x for int8 `w`, `n` a multiple of 32."""

    def step(i: Value, sums: list[Value]) -> list[Value]:
        new = []
        for half, found in enumerate(sums):
            here = b.add(b.mul(i, I64(2)), I64(half))
            weights = b.sitofp(load(b, at(b, w, here, LANES), vector(I8)), vector(F32))
            new.append(fma(b, weights, load(b, at(b, x, here, 4 * LANES), vector(F32)), found))
        return new

    low, high = summed(b, b.sdiv(n, I64(GROUP)), [vector(F32)] * 2, step)
    return total(b, b.fadd(low, high))


def _dot_int4(b: Builder, w: Value, scales: Value, x: Value, n: Value) -> Value:
    """The product of a 4-bit row, `n` a multiple of 32."""
    tables = b.add(x, b.mul(n, I64(4)))

    def step(i: Value, sums: list[Value]) -> list[Value]:
        packed = load(b, at(b, w, i, LANES), vector(I8))
        ends = (b.and_(packed, constant(packed.type, 15)), b.lshr(packed, constant(packed.type, 4)))
        product = constant(vector(F32), 0.0)
        for half, levels in enumerate(ends):
            inputs = load(b, at(b, b.add(x, I64(64 * half)), i, 4 * GROUP), vector(F32))
            centred = b.fsub(b.uitofp(levels, vector(F32)), constant(vector(F32), 8.0))
            product = fma(b, centred, inputs, product)
        pair = from_bf16(b, load(b, at(b, scales, i, 4), vector(I16, 2)))
        scale, zero = b.extract_element(pair, I32(0)), b.extract_element(pair, I32(1))
        of_group = load(b, b.add(at(b, tables, i, 8), I64(4)), F32)
        return [fma(b, product, splat(b, scale), sums[0]), b.fadd(sums[1], b.fmul(zero, of_group))]

    products, offsets = summed(b, b.sdiv(n, I64(GROUP)), [vector(F32), F32], step)
    return b.fadd(total(b, products), offsets)


_AHEAD_BYTES = 2048
"""How far ahead weights are fetched: the processor's own fetching stops at a page's end, and mapped files have pages of
4 KiB. 0, 512, 1024, 2048, 4096 and 8192 bytes took 17.3, 19.0, 17.0, 15.6, 18.5 and 17.0 ms a token (0.5 B, INT4)."""


def _weights(b: Builder, address: Value, kind: Any) -> Value:
    """Load weights, and have those fetched that come soon."""
    ahead = b.inttoptr(b.add(address, I64(_AHEAD_BYTES)), I8.as_pointer())
    call(b, "llvm.prefetch.p0", VOID, ahead, I32(0), I32(3), I32(1))
    return load(b, address, kind)


def _bytes_dot(b: Builder, start: Value, unsigned: Value, signed: Value) -> Value:
    """start [16] int32 + sums of four neighbouring products of 64 bytes."""
    if WIDE:
        words = start.type
        return call(b, "llvm.x86.avx512.vpdpbusd.512", words, start, *(b.bitcast(v, words) for v in (unsigned, signed)))
    words, halves = vector(I32, 8), []
    for half in range(2):
        cut = range(half * 8, half * 8 + 8)
        parts = [start, *(b.bitcast(v, start.type) for v in (unsigned, signed))]
        parts = [shuffle(b, part, part, cut) for part in parts]
        halves.append(call(b, "llvm.x86.avx512.vpdpbusd.256", words, *parts))
    return shuffle(b, halves[0], halves[1], range(16))


def _inputs(b: Builder, x: Value, n: Value, i: Value) -> tuple[Value, Value, Value]:
    """Of the 64 inputs `i`: levels [64] int8, what the sums begin with [16] int32, (step, sum) of both groups [4]."""
    tables = b.add(x, b.mul(n, I64(4)))
    levels = b.add(tables, b.mul(b.sdiv(n, I64(GROUP)), I64(8)))
    starts = b.add(levels, n)
    return (
        load(b, at(b, levels, i, 64), vector(I8, 64)),
        load(b, at(b, starts, i, 64), vector(I32)),
        load(b, at(b, tables, i, 16), vector(F32, 4)),
    )


_STEPS_OF_LANES = [0] * 8 + [2] * 8


def _dot_int8_vnni(b: Builder, w: Value, x: Value, n: Value) -> Value:
    """As `_dot_int8`, with the levels; `n` a multiple of 64."""

    def step(i: Value, sums: list[Value]) -> list[Value]:
        weights = _weights(b, at(b, w, i, 64), vector(I8, 64))
        levels, start, groups = _inputs(b, x, n, i)
        products = _bytes_dot(b, start, b.xor(weights, constant(weights.type, -128)), levels)
        return [fma(b, b.sitofp(products, vector(F32)), shuffle(b, groups, groups, _STEPS_OF_LANES), sums[0])]

    (found,) = summed(b, b.sdiv(n, I64(64)), [vector(F32)], step)
    return total(b, found)


def _dot_int4_vnni(b: Builder, w: Value, scales: Value, x: Value, n: Value) -> Value:
    """As `_dot_int4`, with the levels; `n` a multiple of 64."""

    def step(i: Value, sums: list[Value]) -> list[Value]:
        packed = _weights(b, at(b, w, i, 32), vector(I8, 32))
        low, high = b.and_(packed, constant(packed.type, 15)), b.lshr(packed, constant(packed.type, 4))
        order = [*range(16), *range(32, 48), *range(16, 32), *range(48, 64)]
        levels, start, groups = _inputs(b, x, n, i)
        products = _bytes_dot(b, start, shuffle(b, low, high, order), levels)
        grid = from_bf16(b, load(b, at(b, scales, i, 8), vector(I16, 4)))
        both = b.fmul(grid, groups)  # scale · step, zero · sum, twice
        spread = shuffle(b, both, both, _STEPS_OF_LANES)
        return [fma(b, b.sitofp(products, vector(F32)), spread, sums[0]), b.fadd(sums[1], both)]

    products, offsets = summed(b, b.sdiv(n, I64(64)), [vector(F32), vector(F32, 4)], step)
    zeros = b.fadd(b.extract_element(offsets, I32(1)), b.extract_element(offsets, I32(3)))
    return b.fadd(total(b, products), zeros)


def _round_vnni(b: Builder, x: Value, n: Value, i: Value, middle: Value) -> None:
    """Fill the tables for the 64 inputs `i`; `middle`: what is added to signed weights to make them unsigned."""
    tables = b.add(x, b.mul(n, I64(4)))
    levels_at = b.add(tables, b.mul(b.sdiv(n, I64(GROUP)), I64(8)))
    rounded, steps = [], []
    for g in range(2):
        parts = [load(b, b.add(at(b, x, i, 256), I64(128 * g + 64 * h)), vector(F32)) for h in range(2)]
        sizes = [call(b, "llvm.fabs.v16f32", part.type, part) for part in parts]
        largest = call(b, "llvm.maxnum.v16f32", sizes[0].type, *sizes)
        peak = call(b, "llvm.vector.reduce.fmax.v16f32", F32, largest, flags=("fast",))
        peak = call(b, "llvm.maxnum.f32", F32, peak, F32(_TINY))
        per_step = splat(b, b.fdiv(F32(127.0), peak))
        for part in parts:
            whole = call(b, "llvm.rint.v16f32", part.type, b.fmul(part, per_step))
            rounded.append(b.trunc(b.fptosi(whole, vector(I32)), vector(I8)))
        steps.append(b.fdiv(peak, F32(127.0)))
    low, high = (shuffle(b, rounded[h], rounded[h + 1], range(32)) for h in (0, 2))
    levels = shuffle(b, low, high, range(64))
    store(b, levels, at(b, levels_at, i, 64))
    sums = _bytes_dot(b, constant(vector(I32), 0), constant(levels.type, 1), levels)
    store(b, b.mul(sums, splat(b, b.trunc(b.neg(middle), I32))), at(b, b.add(levels_at, n), i, 64))
    for g, step in enumerate(steps):
        of_group = shuffle(b, sums, sums, range(8 * g, 8 * g + 8))
        count = b.sitofp(call(b, "llvm.vector.reduce.add.v8i32", I32, of_group), F32)
        place = b.add(at(b, tables, i, 16), I64(8 * g))
        store(b, step, place)
        store(b, b.fmul(step, count), b.add(place, I64(4)))


_row8, _row4 = (_dot_int8_vnni, _dot_int4_vnni) if VNNI else (_dot_int8, _dot_int4)


@primitive
def dot_bf16(context: Any, w: Any, x: Any, n: Any) -> Any:
    """(w, x, n) → float32."""
    return types.float32(w, x, n), lambda _, b, __, values: _dot_bf16(b, *values)


@primitive
def dot_int8(context: Any, w: Any, x: Any, n: Any) -> Any:
    """(w, input, n) → float32, without the row's scale."""
    return types.float32(w, x, n), lambda _, b, __, values: _row8(b, *values)


@primitive
def dot_int4(context: Any, w: Any, scales: Any, x: Any, n: Any) -> Any:
    """(w, scales, input, n) → float32."""
    return types.float32(w, scales, x, n), lambda _, b, __, values: _row4(b, *values)


@primitive
def add_bf16(context: Any, w: Any, factor: Any, y: Any, n: Any) -> Any:
    """float32 y [n] += factor · bf16 w [n], `n` a multiple of 16."""

    def generate(c: Any, b: Builder, __: Any, values: Any) -> Value:
        w, factor, y, n = values
        factors = splat(b, factor)

        def step(i: Value, sums: list[Value]) -> list[Value]:
            place = at(b, y, i, 4 * LANES)
            weights = from_bf16(b, load(b, at(b, w, i, 2 * LANES), vector(I16)))
            store(b, fma(b, weights, factors, load(b, place, vector(F32))), place)
            return []

        summed(b, b.sdiv(n, I64(LANES)), [], step)
        return c.get_dummy_value()

    return types.void(w, types.float32, y, n), generate


@primitive
def round_inputs(context: Any, x: Any, n: Any, middle: Any) -> Any:
    """Fill the tables of an input (`n` a multiple of 64) whose x is there, for VNNI. `middle`: 8 or 128."""

    def generate(c: Any, b: Builder, __: Any, values: Any) -> Value:
        x, n, middle = values

        def step(i: Value, sums: list[Value]) -> list[Value]:
            _round_vnni(b, x, n, i, middle)
            return sums

        summed(b, b.sdiv(n, I64(64)), [], step)
        return c.get_dummy_value()

    return types.void(x, n, types.int64), generate


# -- memory and threads

_pointer: Any = types.CPointer


@primitive
def floats(context: Any, address: Any) -> Any:
    """The address as a pointer to float32, for `numba.carray`."""
    kind: Any = _pointer(types.float32)
    return kind(address), lambda c, b, _, values: b.inttoptr(values[0], c.get_value_type(kind))


@primitive
def halves(context: Any, address: Any) -> Any:
    """The address as a pointer to uint16."""
    kind: Any = _pointer(types.uint16)
    return kind(address), lambda c, b, _, values: b.inttoptr(values[0], c.get_value_type(kind))


@primitive
def bits_of(context: Any, value: Any) -> Any:
    """The bits of a float32, as uint32."""
    return types.uint32(types.float32), lambda _, b, __, values: b.bitcast(values[0], I32)


@primitive
def float_of(context: Any, value: Any) -> Any:
    """The float32 with these 32 bits."""
    return types.float32(types.int32), lambda _, b, __, values: b.bitcast(values[0], F32)


@primitive
def add_atomically(context: Any, address: Any, value: Any) -> Any:
    """Add to the int64 at an address, seen by all threads."""

    def generate(_: Any, b: Builder, __: Any, values: Any) -> Value:
        return b.atomic_rmw("add", b.inttoptr(values[0], I64.as_pointer()), values[1], "seq_cst")

    return types.int64(address, types.int64), generate


@primitive
def load_atomically(context: Any, address: Any) -> Any:
    """The int64 at an address, as other threads left it."""

    def generate(_: Any, b: Builder, __: Any, values: Any) -> Value:
        return b.load_atomic(b.inttoptr(values[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(address), generate


@primitive
def give_way(context: Any) -> Any:
    """Let another thread have this processor."""
    return types.int32(), lambda _, b, __, ___: call(b, YIELD, I32)
