"""Products of rows in bf16: attention's, and those of weights that are 16 bit. Addresses are int64."""

from __future__ import annotations

from typing import Any

from numba import types

from .compiling import primitive
from .ir_tools import (
    F32,
    I16,
    I64,
    LANES,
    Builder,
    Value,
    at,
    fma,
    from_bf16,
    load,
    splat,
    store,
    summed,
    total,
    vector,
)

ROWS_AT_A_TIME = 4
"""How many rows `rows_bf16` multiplies."""


def _dot_bf16(b: Builder, w: Value, x: Value, n: Value) -> Value:
    """Σ w · x for bf16 `w` and float32 `x`, `n` a multiple of 16."""

    def step(i: Value, sums: list[Value]) -> list[Value]:
        weights = from_bf16(b, load(b, at(b, w, i, 2 * LANES), vector(I16)))
        return [fma(b, weights, load(b, at(b, x, i, 4 * LANES), vector(F32)), sums[0])]

    (found,) = summed(b, b.sdiv(n, I64(LANES)), [vector(F32)], step)
    return total(b, found)


@primitive
def dot_bf16(context: Any, w: Any, x: Any, n: Any) -> Any:
    """(w, x, n) → float32."""
    return types.float32(w, x, n), lambda _, b, __, values: _dot_bf16(b, *values)


@primitive
def rows_bf16(context: Any, w: Any, x: Any, n: Any, y: Any) -> Any:
    """float32 y [4] = four rows of bf16 w [4, n] times float32 x [n], `n` a multiple of 32."""

    def generate(c: Any, b: Builder, _: Any, values: Any) -> Value:
        w, x, n, y = values
        rows = [b.add(w, b.mul(n, I64(2 * row))) for row in range(ROWS_AT_A_TIME)]

        def step(i: Value, sums: list[Value]) -> list[Value]:
            new = []
            for half in range(2):
                inputs = load(b, b.add(at(b, x, i, 8 * LANES), I64(64 * half)), vector(F32))
                for row, before in zip(rows, sums[half * ROWS_AT_A_TIME :], strict=False):
                    place = b.add(at(b, row, i, 4 * LANES), I64(32 * half))
                    new.append(fma(b, from_bf16(b, load(b, place, vector(I16))), inputs, before))
            return new

        sums = summed(b, b.sdiv(n, I64(2 * LANES)), [vector(F32)] * 2 * ROWS_AT_A_TIME, step)
        for row in range(ROWS_AT_A_TIME):
            store(b, total(b, b.fadd(sums[row], sums[row + ROWS_AT_A_TIME])), b.add(y, I64(4 * row)))
        return c.get_dummy_value()

    return types.void(w, x, n, y), generate


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
