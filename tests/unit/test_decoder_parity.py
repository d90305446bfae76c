"""The decoder against transformers on small random checkpoints, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autoglm_desktop.engine.runtime.decoder import Decoder
from autoglm_desktop.engine.runtime.kv import KvCache
from tests.helpers.checkpoints import write_checkpoint

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN_ROPE = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 64}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, all heads their own keys": ("llama", {"num_key_value_heads": 4}),
    "llama, biases": ("llama", {"attention_bias": True}),
    "llama, wide heads": ("llama", {"head_dim": 32}),
    "llama 3 rope": ("llama", {"rope_parameters": LLAMA3_ROPE}),
    "linear rope": ("llama", {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 3.0}}),
    "yarn rope": ("qwen3", {"rope_parameters": YARN_ROPE, "head_dim": 16}),
    "qwen2": ("qwen2", {}),
    "qwen2, tied": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"head_dim": 32}),
    "qwen3, biases, tied": ("qwen3", {"head_dim": 16, "attention_bias": True, "tie_word_embeddings": True}),
}


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_equal_the_reference(variant: str, tmp_path: Path) -> None:
    architecture, overrides = VARIANTS[variant]
    reference = write_checkpoint(tmp_path, architecture, **overrides)
    decoder = Decoder.load_reference(tmp_path)
    tokens = torch.randint(0, 272, (1, 48), generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = reference(tokens).logits[0]
    ids = tokens[0].tolist()
    at_once = decoder.forward_all(ids, KvCache.create(decoder.config, torch.float32))
    assert relative_error(at_once, expected) < 1e-4
    cache = KvCache.create(decoder.config, torch.float32)
    in_pieces = [decoder.forward(ids[:20], cache), decoder.forward(ids[20:37], cache)]
    in_pieces += [decoder.forward([token], cache) for token in ids[37:]]
    assert relative_error(torch.stack(in_pieces), expected[[19, 36, *range(37, 48)]]) < 1e-4
    assert cache.tokens == ids


@pytest.mark.parametrize("variant", ["llama 3 rope", "qwen2, tied", "qwen3"])
def test_greedy_output_equals_the_reference(variant: str, tmp_path: Path) -> None:
    architecture, overrides = VARIANTS[variant]
    reference = write_checkpoint(tmp_path, architecture, **overrides)
    decoder = Decoder.load_reference(tmp_path)
    ids = [5, 9, 100, 41]
    cache = KvCache.create(decoder.config, torch.float32)
    made, step = list(ids), ids
    for _ in range(64):
        step = [int(decoder.forward(step, cache).argmax())]
        made += step
    with torch.inference_mode():
        expected = reference(torch.tensor([made])).logits[0].argmax(-1).tolist()
    assert made[len(ids) :] == expected[len(ids) - 1 : -1]


def test_a_trimmed_and_a_forked_cache_go_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "qwen2")
    decoder = Decoder.load_reference(tmp_path)
    cache = KvCache.create(decoder.config, torch.float32)
    decoder.forward(list(range(1, 31)), cache)
    forked = cache.fork(10)
    cache.trim(10)
    fresh = KvCache.create(decoder.config, torch.float32)
    decoder.forward(list(range(1, 11)), fresh)
    expected = decoder.forward([200, 201], fresh)
    assert relative_error(decoder.forward([200, 201], cache), expected) < 1e-5
    assert relative_error(decoder.forward([200, 201], forked), expected) < 1e-5
    assert cache.tokens == forked.tokens == fresh.tokens


def test_no_tokens_and_too_many_are_refused_and_change_nothing(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, "llama", max_position_embeddings=16)
    decoder = Decoder.load_reference(tmp_path)
    cache = KvCache.create(decoder.config, torch.float32)
    decoder.forward([1] * 10, cache)
    for tokens in ([], [1] * 7):
        with pytest.raises(ValueError, match="of 16"):
            decoder.forward(tokens, cache)
    assert cache.length == 10
    decoder.forward([1] * 6, cache)
    assert cache.length == 16
