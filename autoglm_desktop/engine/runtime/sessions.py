"""KV caches that outlive their turn: the next turn of a conversation computes only what is new.

A turn takes the cache with the longest common prefix, whichever conversation made it. Nobody has to name sessions:
branches, regenerated answers and conversations with the same system prompt share by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic

from autoglm_desktop.engine.prefix import common_prefix

from .contracts import CacheT

_FEW_TOKENS = 16
"""A shorter tail is computed again sooner than it is worth a second cache: the marks at the end of a turn."""


@dataclass(frozen=True, slots=True)
class Lease(Generic[CacheT]):
    """A cache for one turn. It holds the first `cached` tokens of the prompt, at least one fewer than all."""

    cache: CacheT
    cached: int


class SessionPool(Generic[CacheT]):
    """The caches of one model, least recently used first out, bounded in bytes. Used by one thread."""

    def __init__(self, create: Callable[[], CacheT], max_bytes: int) -> None:
        self._create = create
        self._max_bytes = max_bytes
        self._caches: list[CacheT] = []
        """Least recently used first."""

    @property
    def nbytes(self) -> int:
        return sum(cache.nbytes for cache in self._caches)

    def __len__(self) -> int:
        return len(self._caches)

    def clear(self) -> None:
        self._caches.clear()

    @contextmanager
    def lease(self, tokens: Sequence[int]) -> Iterator[Lease[CacheT]]:
        """The best cache for a prompt of `tokens`, cut to what they share, for the length of a turn.

        After an error inside it is thrown away, because it may hold half a step.
        """
        lease = self._take(tokens)
        self._caches.append(lease.cache)
        try:
            yield lease
        except BaseException:
            self._remove(lease.cache)
            raise
        self.shrink()

    def shrink(self) -> None:
        """Drop the least recently used caches until the rest fits; the one in use, or used last, always stays.

        Without it every turn of a conversation over the bound would begin anew, at the same memory.
        """
        while len(self._caches) > 1 and self.nbytes > self._max_bytes:
            self._caches.pop(0)

    def _take(self, tokens: Sequence[int]) -> Lease[CacheT]:
        """What is behind the common part belongs to somebody: it is left to them, and the common part copied."""
        best = max(self._caches, key=lambda cache: common_prefix(cache.tokens, tokens), default=None)
        common = common_prefix(best.tokens, tokens) if best is not None else 0
        shared = min(common, len(tokens) - 1)
        if best is None or shared <= 0:
            return Lease(self._create(), 0)
        if not self._may_cut(best, shared, again=common == len(tokens)):
            return Lease(best.fork(shared), shared)
        self._remove(best)
        best.trim(shared)
        return Lease(best, shared)

    def _may_cut(self, cache: CacheT, shared: int, *, again: bool) -> bool:
        """Whether the tail may go: a few tokens, an answer that is made `again`, or no room for both caches."""
        lost = cache.length - shared
        copied_bytes = cache.nbytes * shared // cache.length
        return lost <= shared and (again or lost <= _FEW_TOKENS or cache.nbytes + copied_bytes > self._max_bytes)

    def _remove(self, cache: CacheT) -> None:
        self._caches = [other for other in self._caches if other is not cache]
