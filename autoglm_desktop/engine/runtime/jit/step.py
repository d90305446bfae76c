"""The compiled step: one token through all layers, in parts for every thread.

Every thread runs `token_step` at the same time and does its share of rows and heads; between parts they wait for each
other. What is small (norms, rounding of inputs) every thread does for itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.numpy_support import carray as _carray

from .compiling import compiled
from .primitives import (
    GROUP,
    VNNI,
    add_atomically,
    add_bf16,
    bits_of,
    dot_bf16,
    dot_int4,
    dot_int8,
    float_of,
    floats,
    give_way,
    halves,
    load_atomically,
    round_inputs,
)  # fmt: skip

carray: Any = _carray
KIND, WEIGHT, SCALES, BIAS, ROWS, COLUMNS = range(6)
LINEAR = 6
"""Fields of a product: bits of a weight (16, 8, 4), three addresses (no bias: 0), sizes."""
ATTENTION_NORM, MLP_NORM, Q_NORM, K_NORM, PRODUCTS = range(5)
LAYER = PRODUCTS + 4 * LINEAR
"""Fields of a layer: four addresses of float32 norms (0 where there is none), then qkv, output, gate_up, down."""
_SPINS = 300


@compiled
def _exp(x: Any) -> Any:
    """eˣ for x ≤ 0, to 1e-6 relative: 2 to the whole part, times Cephes' polynomial for the rest."""
    x = max(np.float32(x), np.float32(-87.0))
    whole = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    rest = x - whole * np.float32(0.693359375) + whole * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * rest + np.float32(1.3981999507e-3)
    p = p * rest + np.float32(8.3334519073e-3)
    p = p * rest + np.float32(4.1665795894e-2)
    p = p * rest + np.float32(1.6666665459e-1)
    p = p * rest + np.float32(5.0000001201e-1)
    p = p * rest * rest + rest + np.float32(1.0)
    return p * float_of(np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)))


@compiled
def _barrier(counter: int, passed: int, threads: int) -> int:
    """Wait until every thread has come here; returns how many arrivals that makes."""
    passed += threads
    add_atomically(counter, 1)
    spins = 0
    while load_atomically(counter) < passed:
        spins += 1
        if spins > _SPINS:
            give_way()
    return passed


@compiled
def _share(count: int, me: int, threads: int) -> tuple[int, int]:
    """Which of `count` are this thread's."""
    return count * me // threads, count * (me + 1) // threads


@compiled
def _fill(kind: int, inputs: int, n: int) -> None:
    """Make the tables of an input, whose float32 x is there, as weights of `kind` bits need them."""
    if kind == 16:
        return
    if VNNI:
        round_inputs(inputs, n, 8 if kind == 4 else 128)
        return
    x, tables = carray(floats(inputs), n), carray(floats(inputs + 4 * n), 2 * (n // GROUP))
    for g in range(n // GROUP):
        whole = np.float32(0.0)
        for j in range(GROUP):
            whole += x[g * GROUP + j]
        tables[2 * g + 1] = whole


@compiled
def _row(product: Any, row: int, inputs: int) -> Any:
    """One output of a product."""
    n, kind = product[COLUMNS], product[KIND]
    if kind == 4:
        y = dot_int4(product[WEIGHT] + row * (n // 2), product[SCALES] + row * (n // GROUP * 4), inputs, n)
    elif kind == 8:
        y = dot_int8(product[WEIGHT] + row * n, inputs, n) * floats(product[SCALES])[row]
    else:
        y = dot_bf16(product[WEIGHT] + row * n * 2, inputs, n)
    if product[BIAS]:
        y += floats(product[BIAS])[row]
    return y


@compiled
def _rows(product: Any, inputs: int, y: Any, me: int, threads: int, add: bool) -> None:
    """This thread's outputs of a product, into `y` or added to it."""
    begin, end = _share(product[ROWS], me, threads)
    for row in range(begin, end):
        value = _row(product, row, inputs)
        y[row] = y[row] + value if add else value


@compiled
def _norm(x: Any, weight: int, eps: float, y: int) -> None:
    """RMS norm of x [n] by float32 weights, to `y`."""
    n = len(x)
    squares = np.float32(0.0)
    for i in range(n):
        squares += x[i] * x[i]
    factor = np.float32(1.0) / np.sqrt(squares / np.float32(n) + np.float32(eps))
    weights, out = carray(floats(weight), n), carray(floats(y), n)
    for i in range(n):
        out[i] = x[i] * factor * weights[i]


@compiled
def _turn(head: Any, norm: int, eps: float, cos: Any, sin: Any) -> None:
    """Norm (where there is one) and rotate a head in place."""
    if norm:
        squares = np.float32(0.0)
        for i in range(len(head)):
            squares += head[i] * head[i]
        factor = np.float32(1.0) / np.sqrt(squares / np.float32(len(head)) + np.float32(eps))
        for i in range(len(head)):
            head[i] *= factor * floats(norm)[i]
    half = len(cos) // 2
    for i in range(half):
        x, y = head[i], head[i + half]
        head[i] = x * cos[i] + y * sin[i]
        head[i + half] = y * cos[i + half] + x * sin[i + half]


@compiled
def _keep(head: Any, place: int) -> None:
    """Write a head as bf16, rounded to the nearest even."""
    out = carray(halves(place), len(head))
    for i in range(len(head)):
        bits = np.uint32(bits_of(head[i]))
        out[i] = np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@compiled
def _attend(q: Any, keys: int, values: int, length: int, scores: Any, out: Any) -> None:
    """softmax(q Kᵀ / √d) V of one head; bf16 keys and values [length, d] at their addresses."""
    d = len(q)
    scale, peak = np.float32(1.0) / np.sqrt(np.float32(d)), np.float32(-1e30)
    for t in range(length):
        scores[t] = dot_bf16(keys + t * d * 2, q.ctypes.data, d) * scale
        peak = max(peak, scores[t])
    for t in range(length):
        scores[t] = _exp(scores[t] - peak)
    whole = np.float32(0.0)
    for t in range(length):
        whole += scores[t]
    out[:] = np.float32(0.0)
    for t in range(length):
        add_bf16(values + t * d * 2, np.float32(scores[t] / whole), out.ctypes.data, d)


@compiled
def _silu(gate: Any) -> Any:
    small = _exp(-abs(gate))
    return gate / (np.float32(1.0) + small) if gate >= 0 else gate * small / (np.float32(1.0) + small)


@compiled
def token_step(
    sizes: Any, eps: float, layers: Any, head: Any, norm: int, x: Any, work: Any, kv: Any, turn: Any, scores: Any,
    logits: Any, counter: int, own: int, me: int,
) -> None:  # fmt: skip
    """This thread's part of one token.

    `sizes`: threads, heads, kv heads, head_dim, tokens before, inputs of `down`. `layers` [layers, LAYER] and `head`
    [LINEAR]: see there. `x` float32 [hidden] the embedding, then what the layers add. `work` float32: qkv, attention's
    output, the feed-forward's. `kv`: address, bytes from layer to layer and from head to head. `turn` float32
    [2, rotary_dim], cosines and signed sines. `scores` float32 [threads, capacity]. `logits` float32 [vocab].
    `counter`: address of an int64 that is 0. `own`: address of this thread's input.
    """
    threads, heads, kv_heads, d, before, wide = sizes
    group, passed, n = heads // kv_heads, 0, len(x)
    q_size = heads * d
    qkv = work[: q_size + 2 * kv_heads * d]
    mixed, inner = work[len(qkv) : len(qkv) + q_size], work[len(qkv) + q_size :]
    for index in range(len(layers)):
        layer = layers[index]
        product = layer[PRODUCTS : PRODUCTS + LINEAR]
        _norm(x, layer[ATTENTION_NORM], eps, own)
        _fill(product[KIND], own, n)
        _rows(product, own, qkv, me, threads, False)
        passed = _barrier(counter, passed, threads)

        begin, end = _share(heads + 2 * kv_heads, me, threads)
        keys = kv[0] + index * kv[1]
        for h in range(begin, end):
            one = qkv[h * d : (h + 1) * d]
            if h < heads:
                _turn(one, layer[Q_NORM], eps, turn[0], turn[1])
            else:
                if h < heads + kv_heads:
                    _turn(one, layer[K_NORM], eps, turn[0], turn[1])
                _keep(one, keys + (h - heads) * kv[2] + before * d * 2)
        passed = _barrier(counter, passed, threads)

        begin, end = _share(heads, me, threads)
        for h in range(begin, end):
            k = keys + h // group * kv[2]
            part = slice(h * d, (h + 1) * d)
            _attend(qkv[part], k, k + kv_heads * kv[2], before + 1, scores[me], mixed[part])
        passed = _barrier(counter, passed, threads)

        product = layer[PRODUCTS + LINEAR : PRODUCTS + 2 * LINEAR]
        carray(floats(own), q_size)[:] = mixed
        _fill(product[KIND], own, q_size)
        _rows(product, own, x, me, threads, True)
        passed = _barrier(counter, passed, threads)

        product = layer[PRODUCTS + 2 * LINEAR : PRODUCTS + 3 * LINEAR]
        _norm(x, layer[MLP_NORM], eps, own)
        _fill(product[KIND], own, n)
        begin, end = _share(wide, me, threads)
        for row in range(begin, end):
            inner[row] = _silu(_row(product, row, own)) * _row(product, wide + row, own)
        passed = _barrier(counter, passed, threads)

        product = layer[PRODUCTS + 3 * LINEAR : PRODUCTS + 4 * LINEAR]
        carray(floats(own), wide)[:] = inner[:wide]
        _fill(product[KIND], own, wide)
        _rows(product, own, x, me, threads, True)
        passed = _barrier(counter, passed, threads)

    _norm(x, norm, eps, own)
    _fill(head[KIND], own, n)
    _rows(head, own, logits, me, threads, False)
    _barrier(counter, passed, threads)
