"""What packed weights stand for, taken apart by another way than they are multiplied."""

from __future__ import annotations

import torch

from autoglm_desktop.engine.runtime.kernels_packed import PackedLinear


def unpacked(linear: PackedLinear) -> torch.Tensor:
    """float32 [rows, columns]."""
    panels, groups = linear.blocks.shape[:2]
    if linear.scale is not None:
        levels = linear.blocks.view(panels, groups, 8, 32, 4).float() - 128
        weight = _rows(levels) * linear.scale.unsqueeze(1)
    else:
        pairs = linear.blocks[:, :, :512].reshape(panels, groups, 4, 32, 4)
        levels = torch.stack((pairs & 15, pairs >> 4), dim=3).float() - 8
        grid = linear.blocks[:, :, 512:].contiguous().view(torch.bfloat16).view(panels, groups, 2, 32).float()
        scale, zero = (part.transpose(1, 2).reshape(panels * 32, groups) for part in grid.unbind(2))
        levels = levels.reshape(panels, groups, 8, 32, 4)
        weight = _rows(levels) * scale.repeat_interleave(32, 1) + zero.repeat_interleave(32, 1)
    return weight[: linear.rows, : linear.columns]


def _rows(levels: torch.Tensor) -> torch.Tensor:
    """[panels, groups, 8, 32, 4] → [32 · panels, 32 · groups]."""
    panels, groups = levels.shape[:2]
    return levels.permute(0, 3, 1, 2, 4).reshape(32 * panels, 32 * groups)
