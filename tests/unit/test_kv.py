"""The cache of keys and values as a container."""

from __future__ import annotations

import pytest
import torch

from autoglm_desktop.engine.runtime.config import ModelConfig, RopeConfig
from autoglm_desktop.engine.runtime.kv import KvCache

CONFIG = ModelConfig(
    architecture="llama",
    n_layers=2,
    hidden=8,
    intermediate=8,
    n_heads=2,
    n_kv_heads=1,
    head_dim=4,
    vocab=10,
    context_tokens=1000,
    rms_eps=1e-6,
    rope=RopeConfig(theta=1e4, rotary_dim=4),
    tie_embeddings=True,
    qk_norm=False,
    eos_token_ids=(1,),
)


def test_it_is_bf16_and_empty_at_first() -> None:
    cache = KvCache.create(CONFIG)
    assert (cache.dtype, cache.length, cache.nbytes, cache.tokens) == (torch.bfloat16, 0, 0, [])


def test_growth_keeps_what_is_held_and_stops_at_the_context() -> None:
    cache = KvCache.create(CONFIG)
    cache.reserve(3)
    cache.buffer[1][:, :3] = torch.arange(24).view(2, 3, 4)
    cache.commit([5, 6, 7])
    capacities = []
    for tokens in (300, 513, 1000):
        cache.reserve(tokens)
        capacities.append(cache.buffer.shape[2])
        assert torch.equal(cache.buffer[1][:, :3].float(), torch.arange(24).view(2, 3, 4).float())
    assert capacities == [512, 1000, 1000]
    assert cache.nbytes == 2 * 2 * 1000 * 4 * 2


def test_appending_one_by_one_moves_the_buffer_rarely() -> None:
    cache = KvCache.create(CONFIG)
    places = set()
    for token in range(1000):
        cache.reserve(token + 1)
        cache.commit([token])
        places.add(cache.buffer.shape[2])
    assert sorted(places) == [256, 512, 1000]


def test_trim_and_fork_take_only_what_is_held() -> None:
    cache = KvCache.create(CONFIG)
    cache.reserve(2)
    cache.commit([1, 2])
    for length in (-1, 3):
        with pytest.raises(ValueError, match="2 tokens"):
            cache.trim(length)
        with pytest.raises(ValueError, match="2 tokens"):
            cache.fork(length)
    fork = cache.fork(1)
    fork.buffer.fill_(3)
    fork.commit([9])
    assert (cache.tokens, fork.tokens) == ([1, 2], [1, 9])
