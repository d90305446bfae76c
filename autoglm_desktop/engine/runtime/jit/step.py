"""The compiled step: one token through all layers, in parts for every thread.

Every thread runs `token_step` at the same time and does its share of rows and heads; between parts they wait for each
other. What is small (norms, rounding of inputs) every thread does for itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.np.numpy_support import carray as _carray

from autoglm_desktop.engine.runtime.kernels_packed import GROUP, PANEL

from .compiling import compiled
from .maths import exp_, silu
from .memory import barrier, bits_of, floats, halves, share
from .rounding import round_row
from .rows import ROWS_AT_A_TIME, add_bf16, dot_bf16, rows_bf16
from .tiles import INT4_BYTES, INT4_MIDDLE, INT8_BYTES, INT8_MIDDLE, one_int4, one_int8

carray: Any = _carray
KIND, WEIGHT, SCALES, BIAS, ROWS, COLUMNS = range(6)
LINEAR = 6
"""Fields of a product: bits of a weight (16, 8, 4), three addresses (16 bit without a bias: 0), sizes."""
ATTENTION_NORM, MLP_NORM, Q_NORM, K_NORM, PRODUCTS = range(5)
LAYER = PRODUCTS + 4 * LINEAR
"""Fields of a layer: four addresses of float32 norms (0 where there is none), then qkv, output, gate_up, down."""


@compiled
def _fill(kind: int, inputs: int, n: int) -> None:
    """Round an input, whose float32 x [n] is there, for weights of `kind` bits; the result lies behind it."""
    if kind < 16:
        round_row(inputs, inputs + 4 * n, n, INT4_MIDDLE if kind == 4 else INT8_MIDDLE)


@compiled
def _dense_panel(product: Any, panel: int, inputs: int, y: int) -> None:
    n, rows = product[COLUMNS], min(PANEL, product[ROWS] - panel * PANEL)
    start = product[WEIGHT] + panel * PANEL * n * 2
    whole = rows // ROWS_AT_A_TIME * ROWS_AT_A_TIME
    for row in range(0, whole, ROWS_AT_A_TIME):
        rows_bf16(start + row * n * 2, inputs, n, y + row * 4)
    out = carray(floats(y), PANEL)
    for row in range(whole, rows):
        out[row] = dot_bf16(start + row * n * 2, inputs, n)
    if product[BIAS]:
        bias = carray(floats(product[BIAS] + panel * PANEL * 4), rows)
        for row in range(rows):
            out[row] += bias[row]


@compiled
def _panel(product: Any, panel: int, inputs: int, y: int) -> None:
    """Outputs `panel` · 32 and the 31 that follow, as far as there are any, to float32 `y` [32]."""
    n, kind = product[COLUMNS], product[KIND]
    if kind == 16:
        _dense_panel(product, panel, inputs, y)
        return
    weights = product[WEIGHT] + panel * (n // GROUP) * (INT4_BYTES if kind == 4 else INT8_BYTES)
    rounded, bias = inputs + 4 * n, product[BIAS] + panel * PANEL * 4
    if kind == 4:
        one_int4(weights, rounded, 0, n, 0, bias, y, 0)
    else:
        one_int8(weights, rounded, 0, n, product[SCALES] + panel * PANEL * 4, bias, y, 0)


@compiled
def _rows(product: Any, inputs: int, y: Any, me: int, threads: int, add: bool) -> None:
    """This thread's outputs of a product, into `y` or added to it."""
    found = np.empty(PANEL, dtype=np.float32)
    begin, end = share((product[ROWS] + PANEL - 1) // PANEL, me, threads)
    for panel in range(begin, end):
        _panel(product, panel, inputs, found.ctypes.data)
        rows = min(PANEL, product[ROWS] - panel * PANEL)
        part = y[panel * PANEL : panel * PANEL + rows]
        if add:
            part += found[:rows]
        else:
            part[:] = found[:rows]


@compiled
def _gated(product: Any, inputs: int, y: Any, me: int, threads: int) -> None:
    """This thread's part of y = silu(gate) · up, from the product of both; len(y) is a multiple of 32."""
    gate, up = np.empty(PANEL, dtype=np.float32), np.empty(PANEL, dtype=np.float32)
    panels = len(y) // PANEL
    begin, end = share(panels, me, threads)
    for panel in range(begin, end):
        _panel(product, panel, inputs, gate.ctypes.data)
        _panel(product, panels + panel, inputs, up.ctypes.data)
        for i in range(PANEL):
            y[panel * PANEL + i] = silu(gate[i]) * up[i]


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
        scores[t] = exp_(scores[t] - peak)
    whole = np.float32(0.0)
    for t in range(length):
        whole += scores[t]
    out[:] = np.float32(0.0)
    for t in range(length):
        add_bf16(values + t * d * 2, np.float32(scores[t] / whole), out.ctypes.data, d)


@compiled
def _turn_heads(sizes: Any, qkv: Any, layer: Any, eps: float, turn: Any, keys: int, head_bytes: int, me: int) -> None:
    """This thread's heads: queries and keys are turned, keys and values kept at `keys`, heads `head_bytes` apart."""
    threads, heads, kv_heads, d, before, _ = sizes
    begin, end = share(heads + 2 * kv_heads, me, threads)
    for h in range(begin, end):
        one = qkv[h * d : (h + 1) * d]
        if h < heads:
            _turn(one, layer[Q_NORM], eps, turn[0], turn[1])
            continue
        if h < heads + kv_heads:
            _turn(one, layer[K_NORM], eps, turn[0], turn[1])
        _keep(one, keys + (h - heads) * head_bytes + before * d * 2)


@compiled
def _attend_heads(sizes: Any, qkv: Any, keys: int, head_bytes: int, scores: Any, out: Any, me: int) -> None:
    """This thread's heads of attention, to their part of `out`."""
    threads, heads, kv_heads, d, before, _ = sizes
    group = heads // kv_heads
    begin, end = share(heads, me, threads)
    for h in range(begin, end):
        k = keys + h // group * head_bytes
        part = slice(h * d, (h + 1) * d)
        _attend(qkv[part], k, k + kv_heads * head_bytes, before + 1, scores, out[part])


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
    threads, heads, kv_heads, d, _, wide = sizes
    passed, n = 0, len(x)
    q_size = heads * d
    qkv = work[: q_size + 2 * kv_heads * d]
    mixed, inner = work[len(qkv) : len(qkv) + q_size], work[len(qkv) + q_size :]
    for index in range(len(layers)):
        layer = layers[index]
        product = layer[PRODUCTS : PRODUCTS + LINEAR]
        _norm(x, layer[ATTENTION_NORM], eps, own)
        _fill(product[KIND], own, n)
        _rows(product, own, qkv, me, threads, False)
        passed = barrier(counter, passed, threads)

        keys = kv[0] + index * kv[1]
        _turn_heads(sizes, qkv, layer, eps, turn, keys, kv[2], me)
        passed = barrier(counter, passed, threads)
        _attend_heads(sizes, qkv, keys, kv[2], scores[me], mixed, me)
        passed = barrier(counter, passed, threads)

        product = layer[PRODUCTS + LINEAR : PRODUCTS + 2 * LINEAR]
        carray(floats(own), q_size)[:] = mixed
        _fill(product[KIND], own, q_size)
        _rows(product, own, x, me, threads, True)
        passed = barrier(counter, passed, threads)

        product = layer[PRODUCTS + 2 * LINEAR : PRODUCTS + 3 * LINEAR]
        _norm(x, layer[MLP_NORM], eps, own)
        _fill(product[KIND], own, n)
        _gated(product, own, inner[:wide], me, threads)
        passed = barrier(counter, passed, threads)

        product = layer[PRODUCTS + 3 * LINEAR : PRODUCTS + 4 * LINEAR]
        carray(floats(own), wide)[:] = inner[:wide]
        _fill(product[KIND], own, wide)
        _rows(product, own, x, me, threads, True)
        passed = barrier(counter, passed, threads)

    _norm(x, norm, eps, own)
    _fill(head[KIND], own, n)
    _rows(head, own, logits, me, threads, False)
    barrier(counter, passed, threads)
