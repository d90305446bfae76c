"""Small helpers over llvmlite's builder, for the primitives that a compiler does not find by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

Builder = Any
Value = Any

F32, I8, I16, I32, I64 = ir.FloatType(), ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
LANES = 16
"""Numbers of 32 bits that are worked on together; LLVM splits them where registers are shorter than 512 bits."""


def vector(element: Any, count: int = LANES) -> Any:
    return ir.VectorType(element, count)


def constant(kind: Any, value: object) -> Value:
    """A constant; for a vector, `value` in every lane or a list of values."""
    if isinstance(kind, ir.VectorType) and not isinstance(value, list):
        return ir.Constant(kind, [value] * kind.count)
    return ir.Constant(kind, value)


def load(b: Builder, address: Value, kind: Any) -> Value:
    """The value of `kind` at `address` (int64), which needs no alignment."""
    found = b.load(b.inttoptr(address, kind.as_pointer()))
    found.align = 1
    return found


def store(b: Builder, value: Value, address: Value) -> None:
    b.store(value, b.inttoptr(address, value.type.as_pointer())).align = 1


def at(b: Builder, address: Value, index: Value, size: int) -> Value:
    """`address` + `index` · `size`."""
    return b.add(address, b.mul(index, I64(size)))


def call(b: Builder, name: str, kind: Any, *arguments: Value, flags: tuple[str, ...] = ()) -> Value:
    """Call LLVM's intrinsic `name`, or a function of the process, that returns `kind`."""
    function = b.module.globals.get(name)
    if function is None:
        function = ir.Function(b.module, ir.FunctionType(kind, [a.type for a in arguments]), name)
    return b.call(function, arguments, fastmath=flags)


def shuffle(b: Builder, first: Value, second: Value, lanes: Sequence[int]) -> Value:
    return b.shuffle_vector(first, second, constant(vector(I32, len(lanes)), list(lanes)))


def splat(b: Builder, value: Value, count: int = LANES) -> Value:
    kind = vector(value.type, count)
    one = b.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
    return shuffle(b, one, ir.Constant(kind, ir.Undefined), [0] * count)


def fma(b: Builder, x: Value, y: Value, z: Value) -> Value:
    """x · y + z in every lane."""
    return call(b, f"llvm.fma.v{x.type.count}f32", x.type, x, y, z)


def total(b: Builder, value: Value) -> Value:
    """The sum of a vector's lanes."""
    name = f"llvm.vector.reduce.fadd.v{value.type.count}f32"
    return call(b, name, F32, F32(0.0), value, flags=("fast",))


def from_bf16(b: Builder, value: Value) -> Value:
    """bf16 in 16-bit lanes → float32: its bits are the upper half."""
    wide = vector(I32, value.type.count)
    bits = b.shl(b.zext(value, wide), constant(wide, 16))
    return b.bitcast(bits, vector(F32, value.type.count))


def summed(b: Builder, steps: Value, kinds: Sequence[Any], step: Callable[[Value, list[Value]], list[Value]]) -> Any:
    """Run `step(index, sums)` for 0 ≤ index < `steps`; returns the sums of `kinds`, which begin at zero."""
    before, body, after = b.block, b.append_basic_block("body"), b.append_basic_block("after")
    b.cbranch(b.icmp_signed(">", steps, I64(0)), body, after)
    b.position_at_end(body)
    index = b.phi(I64)
    sums = [b.phi(kind) for kind in kinds]
    new = step(index, sums)
    following, end = b.add(index, I64(1)), b.block
    index.add_incoming(I64(0), before)
    index.add_incoming(following, end)
    for phi, kind, value in zip(sums, kinds, new, strict=True):
        phi.add_incoming(ir.Constant(kind, None), before)
        phi.add_incoming(value, end)
    b.cbranch(b.icmp_signed("<", following, steps), body, after)
    b.position_at_end(after)
    results = [b.phi(kind) for kind in kinds]
    for phi, kind, value in zip(results, kinds, new, strict=True):
        phi.add_incoming(ir.Constant(kind, None), before)
        phi.add_incoming(value, end)
    return results
