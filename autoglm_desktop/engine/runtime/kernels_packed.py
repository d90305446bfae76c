"""Weights in 8 or 4 bits, as the compiled products read them."""

from __future__ import annotations

import torch
from torch.nn import functional

GROUP = 32
PANEL = 32
_QUADS = GROUP // 4


def pack_int8(levels: torch.Tensor) -> torch.Tensor:
    """levels int8 [rows, columns] → blocks uint8 [rows / 32, columns / 32, 1024], filled up with zeros."""
    unsigned = _filled(levels).view(torch.uint8) ^ 128
    return _by_fours(unsigned).reshape(*_blocks(unsigned), -1)


def pack_int4(levels: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
    """levels uint8 [rows, columns] from 0 to 15, bf16 [rows, columns / 32] each → blocks uint8 [.., .., 640].

    Rows are filled up with weights that are 0. Raises ValueError where columns are not a multiple of 32.
    """
    if levels.shape[1] % GROUP:
        raise ValueError(f"{levels.shape[1]} columns are not a multiple of {GROUP}")
    filled = _filled(levels)
    panels, groups = _blocks(filled)
    low, high = _by_fours(filled).reshape(panels, groups, _QUADS // 2, 2, PANEL, 4).unbind(3)
    missing = -levels.shape[0] % PANEL
    grid = torch.stack([functional.pad(part.to(torch.bfloat16), (0, 0, 0, missing)) for part in (scale, zero)], dim=1)
    grid = grid.view(panels, PANEL, 2, groups).permute(0, 3, 2, 1).contiguous().view(torch.uint8)
    return torch.cat(((low | (high << 4)).flatten(2), grid.flatten(2)), dim=2)


def _blocks(levels: torch.Tensor) -> tuple[int, int]:
    return levels.shape[0] // PANEL, levels.shape[1] // GROUP


def _filled(levels: torch.Tensor) -> torch.Tensor:
    return functional.pad(levels, (0, -levels.shape[1] % GROUP, 0, -levels.shape[0] % PANEL)).contiguous()


def _by_fours(levels: torch.Tensor) -> torch.Tensor:
    """[rows, columns] → [rows / 32, columns / 32, 8, 32, 4]: four columns of all rows of a panel lie together."""
    panels, groups = _blocks(levels)
    return levels.view(panels, PANEL, groups, _QUADS, 4).permute(0, 2, 3, 1, 4)


class PackedLinear:
    """y = x Wᵀ + b for packed weights, with inputs rounded to 8 bits in groups of 32.

    `blocks` as `pack_int8` or `pack_int4` makes them; `scale` float32 [rows] for 8 bits, None for 4; `bias` [rows].
    `columns` are those of W, before it was filled up.
    """

    def __init__(
        self,
        blocks: torch.Tensor,
        rows: int,
        columns: int,
        scale: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
    ) -> None:
        filled = blocks.shape[0] * PANEL
        self.blocks, self.rows, self.columns = blocks, rows, columns
        self.bits = 4 if scale is None else 8
        self.scale = None if scale is None else functional.pad(scale.float(), (0, filled - rows))
        self.bias = torch.zeros(filled) if bias is None else functional.pad(bias.float(), (0, filled - rows))

    @property
    def nbytes(self) -> int:
        return self.blocks.nbytes + (0 if self.scale is None else 4 * self.rows)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x [n, columns] of any float type → float32 [n, rows]."""
        from .jit.batch import multiply  # compiled where it is used, and not where weights are 16 bit

        x, missing = x.float(), self.blocks.shape[1] * GROUP - self.columns
        if missing:  # padding copies even where it adds nothing
            x = functional.pad(x, (0, missing))
        return multiply(x, self.blocks, self.bits, self.scale, self.bias)[:, : self.rows]
