"""The candidates of the sampler equal those of a plain full sort."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_desktop.core.messages import Sampling

VALUES = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=400)
SETTINGS = st.builds(
    Sampling,
    temperature=st.floats(0.1, 3),
    top_k=st.integers(0, 800),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.01, 0.3]),
)


def reference(values: list[float], sampling: Sampling) -> dict[int, float]:
    """Sort everything and filter in order. Probabilities by token, likeliest first."""
    peak = max(values)
    weights = {i: math.exp((v - peak) / sampling.temperature) for i, v in enumerate(values)}
    ranked = sorted(weights, key=lambda i: -weights[i])[: sampling.top_k or None]
    total = sum(weights[i] for i in ranked)
    kept: dict[int, float] = {}
    before = 0.0
    for i in ranked:
        if kept and (
            (sampling.top_p < 1 and before >= sampling.top_p) or weights[i] < sampling.min_p * weights[ranked[0]]
        ):
            break
        kept[i] = weights[i] / total
        before += kept[i]
    return kept


@settings(max_examples=100, deadline=None)
@given(VALUES, SETTINGS)
def test_candidates_equal_a_full_sort(values: list[float], sampling: Sampling) -> None:
    check(values, sampling)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 4), SETTINGS)
def test_so_do_those_of_a_wide_vocabulary(seed: int, spread: float, sampling: Sampling) -> None:
    """Peaked and flat distributions over more tokens than the first two looks take in."""
    import torch

    check((torch.randn(6000, generator=torch.Generator().manual_seed(seed)) * spread).tolist(), sampling)


def check(values: list[float], sampling: Sampling) -> None:
    import torch

    from autoglm_desktop.engine.runtime.sampling import candidates

    ids, probabilities = candidates(torch.tensor(values, dtype=torch.float32), sampling)
    tokens = list(range(len(values))) if ids is None else ids.tolist()
    ratios = (probabilities.double() / probabilities.double().max()).tolist()
    expected = reference(values, sampling)
    # Rounding may move the border by one token, and equal logits may stand for each other.
    assert abs(len(tokens) - len(expected)) <= _ties(values, tokens)
    likeliest = max(expected.values())
    for ratio, wanted in zip(sorted(ratios, reverse=True), expected.values(), strict=False):
        assert math.isclose(ratio, wanted / likeliest, rel_tol=1e-3, abs_tol=1e-6)


def _ties(values: list[float], tokens: list[int]) -> int:
    """Tokens that could stand on either side of the border: as likely as the last one, up to rounding."""
    last = min(values[t] for t in tokens)
    return 1 + sum(math.isclose(v, last, rel_tol=1e-5, abs_tol=1e-5) for v in values)
