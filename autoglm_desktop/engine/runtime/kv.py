"""The keys and values of one conversation."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .config import ModelConfig

_FIRST_CAPACITY_TOKENS = 256


class KvCache:
    """Keys and values of the tokens computed so far, for every layer; bf16 whatever the tier of the weights.

    Buffers grow by doubling (never past the model's context), so that appending a token is amortised constant.
    Not thread-safe: one decoder uses it at a time.
    """

    def __init__(self, config: ModelConfig, dtype: torch.dtype) -> None:
        self.tokens: list[int] = []
        self._config = config
        self._buffer = torch.empty((config.n_layers, 2 * config.n_kv_heads, 0, config.head_dim), dtype=dtype)

    @classmethod
    def create(cls, config: ModelConfig, dtype: torch.dtype = torch.bfloat16) -> KvCache:
        """An empty cache. Another `dtype` than bf16 is for comparisons with reference implementations."""
        return cls(config, dtype)

    @property
    def length(self) -> int:
        """Tokens held."""
        return len(self.tokens)

    @property
    def nbytes(self) -> int:
        """Bytes held, the room for growth included."""
        return self._buffer.nbytes

    @property
    def dtype(self) -> torch.dtype:
        return self._buffer.dtype

    def trim(self, length: int) -> None:
        """Forget all but the first `length` tokens. Raises ValueError when it holds fewer."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot trim {self.length} tokens to {length}")
        del self.tokens[length:]

    def fork(self, length: int) -> KvCache:
        """A cache of its own with the first `length` tokens. Raises ValueError when it holds fewer."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot fork {length} of {self.length} tokens")
        copy = KvCache(self._config, self.dtype)
        copy.reserve(length, self._buffer.device)
        copy._buffer[:, :, :length] = self._buffer[:, :, :length]
        copy.tokens = self.tokens[:length]
        return copy

    def reserve(self, tokens: int, device: torch.device | None = None) -> None:
        """Make room for `tokens` in all, on `device` (where the weights are). What is held stays."""
        capacity = self._buffer.shape[2]
        if tokens <= capacity:
            return
        wanted = max(tokens, min(max(_FIRST_CAPACITY_TOKENS, 2 * capacity), self._config.context_tokens))
        shape = (*self._buffer.shape[:2], wanted, self._buffer.shape[3])
        grown = torch.empty(shape, dtype=self._buffer.dtype, device=device)
        grown[:, :, : self.length] = self._buffer[:, :, : self.length]
        self._buffer = grown

    @property
    def buffer(self) -> torch.Tensor:
        """[layers, 2 · kv_heads, capacity, head_dim]: keys of every head, then values. Valid until the next growth."""
        return self._buffer

    def commit(self, tokens: Sequence[int]) -> None:
        """Count `tokens`, whose keys and values have been written behind what was held."""
        self.tokens.extend(tokens)
