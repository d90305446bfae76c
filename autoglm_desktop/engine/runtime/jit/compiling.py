"""How functions are compiled: without the interpreter's lock, for this processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile `function` when it is first called; other threads go on while it runs.

    What was compiled is kept beside the byte code of its module (or in the user's cache where that cannot be written),
    for this processor. The compiler looks at that module alone: whoever edits what it imports removes `__pycache__`.
    """
    return cast(F, njit(nogil=True, fastmath=True, error_model="numpy", cache=True)(function))


def primitive(typed: Callable[..., Any]) -> Any:
    """Make a function of types, which returns a signature and what emits the code, callable from compiled code."""
    return intrinsic(typed)
