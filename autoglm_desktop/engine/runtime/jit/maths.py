"""Functions of single numbers, plain enough for the compiler to work on several at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import compiled
from .memory import float_of


@compiled
def exp_(x: Any) -> Any:
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
def silu(gate: Any) -> Any:
    small = exp_(-abs(gate))
    return gate / (np.float32(1.0) + small) if gate >= 0 else gate * small / (np.float32(1.0) + small)
