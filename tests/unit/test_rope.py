"""Frequencies of scaled and partial positions against transformers' own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from autoglm_desktop.core.checkpoint_config import describe
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.engine.runtime.rope import frequencies

CONFIG = {
    "model_type": "qwen2", "hidden_size": 256, "intermediate_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 4, "vocab_size": 10, "max_position_embeddings": 8192, "rms_norm_eps": 1e-6,
}  # fmt: skip
ORIGINAL = {"original_max_position_embeddings": 2048}
SCALED: dict[str, dict[str, Any]] = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "linear, partial": {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5},
    "yarn": {"rope_type": "yarn", "factor": 4.0, **ORIGINAL},
    "yarn, own range": {"rope_type": "yarn", "factor": 8.0, "beta_fast": 16.0, "beta_slow": 2.0, **ORIGINAL},
    "yarn, own attention": {"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.5, **ORIGINAL},
    "yarn, two scales": {"rope_type": "yarn", "factor": 40.0, "mscale": 0.7, "mscale_all_dim": 1.0, **ORIGINAL},
    "yarn, exact range": {"rope_type": "yarn", "factor": 4.0, "truncate": False, **ORIGINAL},
    "yarn, partial": {"rope_type": "yarn", "factor": 4.0, "partial_rotary_factor": 0.25, **ORIGINAL},
    "yarn, factor from the contexts": {"rope_type": "yarn", "factor": None, **ORIGINAL},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **ORIGINAL},
    "llama3, partial": {
        "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 2.0, "high_freq_factor": 8.0,
        "partial_rotary_factor": 0.5, **ORIGINAL,
    },
}  # fmt: skip


@pytest.mark.parametrize("theta", [10_000.0, 1_000_000.0])
@pytest.mark.parametrize("name", SCALED)
def test_scaled_frequencies_are_those_of_transformers(name: str, theta: float) -> None:
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    parameters = SCALED[name] | {"rope_theta": theta}
    ours, scale = frequencies(describe(CONFIG | {"rope_parameters": parameters}, {}).rope)
    reference = SimpleNamespace(
        **CONFIG, head_dim=64, rope_parameters=parameters, per_layer_config={}, standardize_rope_params=lambda: None
    )
    theirs, their_scale = ROPE_INIT_FUNCTIONS[parameters["rope_type"]](reference, device=None)
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=0)
    assert scale == pytest.approx(their_scale)


@pytest.mark.parametrize("kind", ["dynamic", "longrope", "proportional", "su", 5, ["yarn"]])
def test_a_kind_that_is_not_known_is_named(kind: object) -> None:
    with pytest.raises(AppError) as caught:
        describe(CONFIG | {"rope_scaling": {"type": kind, "factor": 2.0}}, {})
    assert caught.value.report.code is ErrorCode.UNSUPPORTED_ARCHITECTURE
    assert str(kind) in caught.value.report.line()


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_parameters": {"rope_type": "linear"}},
        {"rope_parameters": {"rope_type": "linear", "factor": 0.5}},
        {"rope_parameters": {"rope_type": "yarn", "factor": "abc"}},
        {"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0}},
        {"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.01}},
        {"rope_parameters": {"rope_theta": float("nan")}},
        {"rope_parameters": "linear"},
        {"rope_scaling": [1]},
        {"rope_theta": 0.0},
        {"partial_rotary_factor": 1.5},
    ],
)
def test_positions_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AppError) as caught:
        describe(CONFIG | changes, {})
    assert caught.value.report.code in (ErrorCode.WEIGHTS_CORRUPT, ErrorCode.UNSUPPORTED_ARCHITECTURE)
