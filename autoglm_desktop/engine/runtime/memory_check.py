"""Whether a tier fits into memory, before it is loaded."""

from __future__ import annotations

import psutil
import torch

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier

from .config import ModelConfig

_WORKING_BYTES = 384 << 20
"""For activations, scratch memory, a first KV cache and the libraries themselves."""
_BYTES_PER_WEIGHT = {Tier.FP16: 2.0, Tier.INT8: 1.0, Tier.INT4: 0.625}
"""In the layers; the scales and offsets of 4-bit groups of 32 are one bit more a weight."""


def required_bytes(config: ModelConfig, tier: Tier) -> int:
    """Bytes that loading `tier` takes: weights of layers, head and embedding, and room to work."""
    per_weight = _BYTES_PER_WEIGHT[tier]
    outer = 2.0 if tier is Tier.FP16 else 1.0
    tables = 1 if tier is Tier.FP16 and config.tie_embeddings else 2
    weights = config.n_layers * config.layer_parameters * per_weight + tables * config.head_parameters * outer
    return int(weights) + _WORKING_BYTES


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be taken: of the machine's memory, or of the GPU's."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def check(config: ModelConfig, tier: Tier, device: torch.device, *, given_back_bytes: int = 0) -> None:
    """Raise AppError OUT_OF_MEMORY, with the figures and the largest tier that fits, when `tier` does not.

    `given_back_bytes` is what this process will free by loading (the weights it holds now).
    """
    available = free_bytes(device) + given_back_bytes
    needed = required_bytes(config, tier)
    if needed <= available:
        return
    smaller = [other for other in (Tier.FP16, Tier.INT8, Tier.INT4) if required_bytes(config, other) <= available]
    raise AppError(
        ErrorCode.OUT_OF_MEMORY,
        msg(
            "{tier} needs {needed} GB of memory and {available} GB are free.",
            tier=tier.label,
            needed=_gigabytes(needed),
            available=_gigabytes(available),
        ),
        msg("Use {tier}, which fits.", tier=smaller[0].label)
        if smaller
        else msg("Close other programs, or choose a smaller model."),
        suggested_tier=smaller[0].value if smaller else None,
    )


def _gigabytes(count: int) -> float:
    return round(count / 1e9, 2)
