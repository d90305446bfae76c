"""Products with weights in each precision, behind one small protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional


class Linear(Protocol):
    """y = x Wᵀ + b for weights in some precision."""

    @property
    def nbytes(self) -> int:
        """Bytes of the weights as they are read."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x [n, in] of any float type → [n, out], of the type that the kernel works in."""


@dataclass(frozen=True, slots=True)
class DenseLinear:
    """Weights as they are: bf16, or float32 for comparisons. `weight` [out, in], `bias` [out]."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    @property
    def nbytes(self) -> int:
        return self.weight.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


_WEIGHTS_AT_A_TIME = 1 << 20


def rows_at_a_time(shape: Sequence[int], weights: int = _WEIGHTS_AT_A_TIME) -> Iterator[slice]:
    """Slices over the rows of a matrix of `shape`, of about so many `weights`: by default what fits a cache."""
    step = max(1, weights // shape[1])
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def fuse(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stack matrices [out_i, in] to one. Without a copy where they lie one behind the other in the same mapped file."""
    first = parts[0]
    if len(parts) == 1:
        return first
    offset, storage = first.storage_offset(), first.untyped_storage().data_ptr()
    for part in parts:
        if part.untyped_storage().data_ptr() != storage or part.storage_offset() != offset or not part.is_contiguous():
            return torch.cat(list(parts))
        offset += part.numel()
    rows = sum(part.shape[0] for part in parts)
    return first.as_strided((rows, first.shape[1]), first.stride())
