"""The decoder on real weights: greedy output and logits against transformers, tiers, switches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.decoder import Decoder
from autoglm_desktop.engine.runtime.kv import KvCache
from autoglm_desktop.engine.runtime.quality import compare, quality_sequences
from tests.helpers.real_models import QWEN, SMOLLM

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
Folders = Callable[[str], Path]
NEW_TOKENS = 64


@pytest.fixture(params=[SMOLLM, QWEN])
def folder(request: pytest.FixtureRequest, model_folder: Folders) -> Path:
    return model_folder(request.param)


def greedy(decoder: Decoder, prompt: list[int], cache: KvCache) -> list[int]:
    made, step = list(prompt), prompt
    for _ in range(NEW_TOKENS):
        step = [int(decoder.forward(step, cache).argmax())]
        made += step
    return made


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def mean_kl(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Kullback-Leibler divergence of `found` from `expected`, nats per token."""
    return float(
        torch.nn.functional.kl_div(
            found.float().log_softmax(-1), expected.float().log_softmax(-1), reduction="batchmean", log_target=True
        )
    )


def reference_logits(folder: Path, dtype: torch.dtype, tokens: list[int]) -> torch.Tensor:
    """What transformers gives after every token, float32 [n, vocab]."""
    model = reference_model(folder, dtype)
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([tokens])).logits[0].float()
    return logits


def reference_model(folder: Path, dtype: torch.dtype) -> Any:
    """transformers' model with the weights of the folder; built without its loader, which leaves a thread behind."""
    import transformers
    from safetensors.torch import load_file

    config = transformers.AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    weights = {name: tensor.to(dtype) for name, tensor in load_file(folder / "model.safetensors").items()}
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model.load_state_dict(weights, strict=True, assign=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()


def test_greedy_output_and_logits_equal_transformers_in_float32(folder: Path) -> None:
    prompt = quality_sequences(folder)[0][:40]
    decoder = Decoder.load_reference(folder)
    cache = KvCache.create(decoder.config, torch.float32)
    made = greedy(decoder, prompt, cache)
    expected = reference_logits(folder, torch.float32, made)
    assert made[len(prompt) :] == expected.argmax(-1).tolist()[len(prompt) - 1 : -1]
    found = decoder.forward_all(made, KvCache.create(decoder.config, torch.float32))
    assert relative_error(found, expected) < 1e-3


def test_logits_are_those_of_transformers_within_what_bf16_can_tell(folder: Path) -> None:
    tokens = quality_sequences(folder)[0][:96]
    decoder = Decoder.load(folder, Tier.FP16, on_progress=lambda _: None)
    found = decoder.forward_all(tokens, KvCache.create(decoder.config))
    exact = reference_logits(folder, torch.float32, tokens)
    ours, theirs = (relative_error(made, exact) for made in (found, reference_logits(folder, torch.bfloat16, tokens)))
    assert ours < 2e-2
    assert ours < theirs


def test_one_token_at_a_time_is_the_same_as_all_at_once(folder: Path) -> None:
    """But for the rounding of what a prompt's attention reads: the products of both are the same."""
    tokens = quality_sequences(folder)[0][:48]
    for tier, most_kl in ((Tier.FP16, 2e-3), (Tier.INT8, 1e-2), (Tier.INT4, 1e-2)):
        decoder = Decoder.load(folder, tier, on_progress=lambda _: None)
        cache = KvCache.create(decoder.config)
        decoder.forward(tokens[:12], cache)
        found = torch.stack([decoder.forward([token], cache) for token in tokens[12:]])
        expected = decoder.forward_all(tokens, KvCache.create(decoder.config))[12:]
        assert mean_kl(found, expected) < most_kl, tier


def test_quality_of_the_tiers(model_folder: Folders) -> None:
    folder = model_folder(QWEN)
    reference = Decoder.load(folder, Tier.FP16, on_progress=lambda _: None)
    texts = quality_sequences(folder)
    eight = compare(Decoder.load(folder, Tier.INT8, on_progress=lambda _: None), reference, texts)
    four = compare(Decoder.load(folder, Tier.INT4, on_progress=lambda _: None), reference, texts)
    print(eight, four)
    assert eight.tokens == four.tokens > 1500
    assert eight.ppl / eight.reference_ppl < 1.01
    assert four.ppl / four.reference_ppl < 1.08
    assert four.kl < 0.06
    assert 0 < eight.kl < four.kl


def test_a_switch_keeps_the_cache(model_folder: Folders) -> None:
    folder = model_folder(QWEN)
    tokens = quality_sequences(folder)[0][:64]
    decoder = Decoder.load(folder, Tier.FP16, on_progress=lambda _: None)
    for tier in (Tier.INT8, Tier.INT4):
        Decoder.load(folder, tier, on_progress=lambda _: None)
    cache = KvCache.create(decoder.config)
    expected = decoder.forward(tokens, cache)
    for tier in (Tier.INT8, Tier.INT4, Tier.FP16, Tier.INT4, Tier.INT8):
        decoder.switch(tier, lambda _: None)
        cache.trim(len(tokens) - 1)
        found = decoder.forward(tokens[-1:], cache)
        assert mean_kl(found[None], expected[None]) < 0.5, tier
