"""The pool of KV caches: longest common prefix, least recently used out, bounded in bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autoglm_desktop.engine.prefix import common_prefix
from autoglm_desktop.engine.runtime.sessions import SessionPool
from tests.helpers.tiny_model import TinyCache

LARGE = 1 << 20


def use(pool: SessionPool[TinyCache], tokens: Sequence[int], answer: Sequence[int] = ()) -> int:
    """A turn over `tokens`; how many of them were cached."""
    with pool.lease(tokens) as lease:
        assert lease.cache.tokens == list(tokens[: lease.cached])
        lease.cache.tokens.extend([*tokens[lease.cached :], *answer])
        return lease.cached


def test_the_next_turn_reuses_prompt_and_answer() -> None:
    pool = SessionPool(TinyCache, LARGE)
    assert use(pool, [1, 2, 3], [4, 5]) == 0
    assert use(pool, [1, 2, 3, 4, 5, 6], [7]) == 5
    assert len(pool) == 1


def test_the_same_prompt_again_leaves_one_token_to_compute() -> None:
    pool = SessionPool(TinyCache, LARGE)
    use(pool, [1, 2, 3], [4])
    assert use(pool, [1, 2, 3], [5]) == 2
    assert len(pool) == 1  # a second answer takes the place of the first


def test_a_short_common_start_does_not_cost_the_long_conversation() -> None:
    pool = SessionPool(TinyCache, LARGE)
    long = list(range(100))
    use(pool, long)
    assert use(pool, [0, 1, 2, 900, 901]) == 3
    assert len(pool) == 2
    assert use(pool, [*long, 5]) == 100


def test_conversations_that_take_turns_keep_their_own_tails() -> None:
    """Every one begins with the same system prompt, which is longer than what was said after it."""
    pool = SessionPool(TinyCache, LARGE)
    system = list(range(100))
    said = {"a": [*system, 1000], "b": [*system, 2000]}
    cached: list[int] = []
    for turn in range(3):
        for name, prompt in said.items():
            cached.append(use(pool, prompt, range(5000, 5030)) - (len(prompt) - 1))
            said[name] = [*prompt, *range(5000, 5030), 3000 + turn]
    assert cached == [-100, 0, 0, 0, 0, 0], "of all but the last token, every turn but the first finds everything"
    assert len(pool) == 2


def test_where_two_do_not_fit_the_newcomer_takes_the_cache() -> None:
    pool = SessionPool(TinyCache, max_bytes=16 * 150)
    use(pool, range(140))
    assert use(pool, [*range(100), 900]) == 100
    assert len(pool) == 1


def test_the_best_of_all_is_taken() -> None:
    pool = SessionPool(TinyCache, LARGE)
    use(pool, [1, 2, 3, 4])
    use(pool, [9, 8, 7])
    use(pool, [1, 5, 5, 5, 5])
    assert use(pool, [1, 5, 5, 6]) == 3
    assert use(pool, [1, 2, 3, 4, 6]) == 4
    assert use(pool, [9, 8, 7, 6]) == 3


def test_nothing_in_common_begins_anew() -> None:
    pool = SessionPool(TinyCache, LARGE)
    use(pool, [1, 2])
    assert use(pool, [3]) == 0
    assert use(pool, [1]) == 0


def test_least_recently_used_goes_first() -> None:
    pool = SessionPool(TinyCache, max_bytes=16 * 6)
    use(pool, [1, 1, 1])
    use(pool, [2, 2, 2])
    use(pool, [1, 1, 1, 1])  # over the bound: [2, 2, 2] goes, though it came later
    assert pool.nbytes == 16 * 4
    assert use(pool, [2, 2, 2, 2]) == 0


def test_the_one_in_use_stays_over_the_bound() -> None:
    pool = SessionPool(TinyCache, max_bytes=16)
    use(pool, [1, 2, 3, 4])
    assert use(pool, [1, 2, 3, 4, 5]) == 4


def test_a_failed_turn_loses_its_cache_only() -> None:
    pool = SessionPool(TinyCache, LARGE)
    use(pool, [1, 2, 3])
    use(pool, [7, 8, 9])
    with pytest.raises(RuntimeError), pool.lease([1, 2, 3, 4]):
        raise RuntimeError
    assert use(pool, [1, 2, 3, 4]) == 0
    assert use(pool, [7, 8, 9, 9]) == 3


def test_clear_forgets() -> None:
    pool = SessionPool(TinyCache, LARGE)
    use(pool, [1, 2, 3])
    pool.clear()
    assert (len(pool), pool.nbytes) == (0, 0)
    assert use(pool, [1, 2, 3]) == 0


def test_common_prefix() -> None:
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0
    assert common_prefix([1, 9, 3], [1, 2, 3]) == 1
