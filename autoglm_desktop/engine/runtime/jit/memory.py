"""Raw memory, and what threads need to work on it together. Addresses are int64."""

from __future__ import annotations

from typing import Any

from numba import types

from .compiling import compiled, primitive
from .ir_tools import F32, I32, I64, Builder, Value, call
from .processor import YIELD

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


_SPINS = 300


@compiled
def barrier(counter: int, passed: int, threads: int) -> int:
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
def share(count: int, me: int, threads: int) -> tuple[int, int]:
    """Which of `count` are this thread's."""
    return count * me // threads, count * (me + 1) // threads
