"""Rotary position embedding: the angles, and the turn in place."""

from __future__ import annotations

import math

import torch

from .config import RopeConfig

_FIRST_POSITIONS = 1024


class RopeTable:
    """Cosines and signed sines for consecutive positions, made as far as they are needed."""

    def __init__(self, config: RopeConfig, device: torch.device | None = None) -> None:
        self._device = device
        self._frequencies, self._scale = frequencies(config)
        self._latest: tuple[object, tuple[torch.Tensor, torch.Tensor]] | None = None
        self._tables: dict[torch.dtype, tuple[torch.Tensor, torch.Tensor]] = {}

    def at(self, start: int, count: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """(cos, sin), each [count, 1, rotary_dim] of `dtype`, for positions start … start + count - 1."""
        wanted = (start, count, dtype)
        if self._latest is None or self._latest[0] != wanted:  # every layer asks for the same
            self._latest = wanted, self._look_up(start, count, dtype)
        return self._latest[1]

    def _look_up(self, start: int, count: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        table = self._tables.get(dtype)
        if table is None or table[0].shape[0] < start + count:
            positions = max(_FIRST_POSITIONS, 2 ** math.ceil(math.log2(start + count)))
            table = self._tables[dtype] = self._make(positions, dtype)
        return table[0][start : start + count], table[1][start : start + count]

    def _make(self, positions: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        angles = torch.outer(torch.arange(positions, dtype=torch.float32), self._frequencies)
        cos, sin = angles.cos() * self._scale, angles.sin() * self._scale
        cos, sin = torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)
        return cos.to(self._device, dtype).unsqueeze(1), sin.to(self._device, dtype).unsqueeze(1)


def rotate_(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> None:
    """Turn `x` [n, heads, rotary_dim] in place; first and second half of a head are the two coordinates."""
    swapped = x.roll(x.shape[-1] // 2, -1)
    x.mul_(cos).addcmul_(swapped, sin)


def frequencies(config: RopeConfig) -> tuple[torch.Tensor, float]:
    """Angular frequencies [rotary_dim / 2] in float32, and the factor on cosine and sine (yarn's attention factor).

    Formulas: RoFormer (arXiv 2104.09864) for the plain ones, position interpolation (arXiv 2306.15595) for ``linear``,
    the Llama 3.1 release for ``llama3``, YaRN (arXiv 2309.00071, eq. 13-15 and section 3.4) for ``yarn``.
    """
    exponents = torch.arange(0, config.rotary_dim, 2, dtype=torch.int64).float() / config.rotary_dim
    plain = 1.0 / (config.theta**exponents)
    match config.kind:
        case "linear":
            return plain / config.factor, 1.0
        case "llama3":
            return _llama3(plain, config), 1.0
        case "yarn":
            return _yarn(plain, config)
        case _:
            return plain, 1.0


def _llama3(plain: torch.Tensor, config: RopeConfig) -> torch.Tensor:
    turns = config.original_context_tokens * plain / (2 * math.pi)
    spread = config.high_freq_factor - config.low_freq_factor
    keep = ((turns - config.low_freq_factor) / spread).clamp(0.0, 1.0)
    return (1 - keep) * plain / config.factor + keep * plain


def _yarn(plain: torch.Tensor, config: RopeConfig) -> tuple[torch.Tensor, float]:
    def dimension(turns: float) -> float:
        ratio = config.original_context_tokens / (turns * 2 * math.pi)
        return config.rotary_dim * math.log(ratio) / (2 * math.log(config.theta))

    low, high = dimension(config.beta_fast), dimension(config.beta_slow)
    if config.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, config.rotary_dim - 1)
    ramp = (torch.arange(config.rotary_dim // 2, dtype=torch.float32) - low) / max(high - low, 0.001)
    keep = 1 - ramp.clamp(0.0, 1.0)
    scale = config.attention_factor
    if scale is None:
        scale = 0.1 * math.log(config.factor) + 1.0 if config.factor > 1 else 1.0
    return (1 - keep) * plain / config.factor + keep * plain, scale
