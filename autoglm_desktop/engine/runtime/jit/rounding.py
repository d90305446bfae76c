"""Inputs rounded to 8 bits in groups of 32, as packed weights are multiplied with them."""

from __future__ import annotations

from autoglm_desktop.engine.runtime.kernels_packed import GROUP

from .compiling import compiled
from .tiles import round_group


@compiled
def round_row(x: int, rounded: int, n: int, middle: int) -> None:
    """float32 x [n] at its address → one token's input for `tiles`; `middle`: the weights' level that is 0."""
    for g in range(n // GROUP):
        round_group(x + g * GROUP * 4, rounded + g * GROUP, rounded + n + g * 4, n // GROUP * 4, middle)
