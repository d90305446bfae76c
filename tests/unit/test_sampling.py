"""The sampler against straightforward references and known distributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.messages import Sampling
from autoglm_desktop.engine.runtime.sampling import Sampler, choose_seed

if TYPE_CHECKING:
    import torch

OFF = Sampling(temperature=1.0, top_p=1.0)


def logits(values: Sequence[float]) -> torch.Tensor:
    import torch

    return torch.tensor(values, dtype=torch.float32)


def draw(sampling: Sampling, values: Sequence[float], count: int, prompt: Sequence[int] = ()) -> list[int]:
    sampler = Sampler(sampling, prompt, seed=7)
    return [sampler.pick(logits(values)) for _ in range(count)]


def test_greedy_takes_the_largest() -> None:
    assert draw(Sampling(temperature=0), [0.0, 3.0, 2.9], 3) == [1, 1, 1]


def test_draws_follow_the_distribution() -> None:
    counts = Counter(draw(OFF, [math.log(0.5), math.log(0.3), math.log(0.2)], 4000))
    for token, probability in enumerate((0.5, 0.3, 0.2)):
        assert counts[token] / 4000 == pytest.approx(probability, abs=0.03)  # four standard deviations


def test_a_low_temperature_sharpens() -> None:
    hot = Counter(draw(Sampling(temperature=2.0, top_p=1.0), [0.0, 1.0], 2000))
    cold = Counter(draw(Sampling(temperature=0.25, top_p=1.0), [0.0, 1.0], 2000))
    assert hot[1] / 2000 == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.04)
    assert cold[1] / 2000 == pytest.approx(1 / (1 + math.exp(-4)), abs=0.02)


def test_a_vanishing_temperature_is_greedy_and_finite() -> None:
    assert set(draw(Sampling(temperature=1e-30, top_p=1.0), [5.0, 5.1, -1e30], 20)) == {1}


def test_top_k_cuts() -> None:
    assert set(draw(Sampling(temperature=5.0, top_p=1.0, top_k=2), [1.0, 0.9, 0.8, 0.7], 300)) == {0, 1}


def test_top_p_keeps_the_token_that_crosses() -> None:
    values = [math.log(0.5), math.log(0.3), math.log(0.2)]
    assert set(draw(Sampling(temperature=1.0, top_p=0.6), values, 300)) == {0, 1}
    assert set(draw(Sampling(temperature=1.0, top_p=0.01), values, 50)) == {0}


def test_min_p_is_relative_to_the_likeliest() -> None:
    values = [math.log(0.6), math.log(0.3), math.log(0.1)]
    assert set(draw(Sampling(temperature=1.0, top_p=1.0, min_p=0.4), values, 300)) == {0, 1}


def test_a_seed_repeats_and_another_differs() -> None:
    values = [0.0] * 50
    first = [Sampler(OFF, (), seed=3).pick(logits(values)) for _ in range(2)]
    assert first[0] == first[1]
    assert draw(OFF, values, 20) == draw(OFF, values, 20)
    other = Sampler(OFF, (), seed=8)
    assert [other.pick(logits(values)) for _ in range(20)] != draw(OFF, values, 20)


def test_a_seed_is_made_when_none_is_given() -> None:
    assert choose_seed(Sampling(seed=-5)) == -5
    assert len({choose_seed(Sampling()) for _ in range(8)}) > 1


def test_repetition_penalty_covers_the_prompt_and_both_signs() -> None:
    sampling = Sampling(temperature=0, repetition_penalty=2.0)
    assert draw(sampling, [3.0, 2.0, 1.0], 1, prompt=[0]) == [1]  # 3 / 2 < 2
    assert draw(sampling, [-1.0, -1.5, -9.0], 1, prompt=[0, 0]) == [1]  # -1 * 2 < -1.5
    assert draw(sampling, [3.0, 2.0, 1.2], 3) == [0, 1, 0]  # what was said counts too, once


def test_frequency_and_presence_penalties_cover_the_answer_only() -> None:
    assert draw(Sampling(temperature=0, frequency_penalty=0.6), [2.0, 1.0], 4, prompt=[0, 0, 0]) == [0, 0, 1, 0]
    assert draw(Sampling(temperature=0, presence_penalty=0.6), [2.0, 1.5], 4) == [0, 1, 0, 0]


def test_a_banned_token_is_not_taken() -> None:
    sampler = Sampler(Sampling(temperature=0), (), seed=1)
    assert sampler.pick(logits([3.0, 2.0, 1.0]), banned={0, 2}) == 1
    assert sampler.pick(logits([3.0, 2.0, 1.0])) == 0


def test_penalties_leave_the_logits_alone() -> None:
    values = logits([3.0, 2.0])
    Sampler(Sampling(temperature=0, repetition_penalty=3.0), [0], seed=1).pick(values)
    assert values.tolist() == [3.0, 2.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_an_error(bad: float) -> None:
    with pytest.raises(AppError) as caught:
        draw(Sampling(), [0.0, bad], 1)
    assert caught.value.report.code is ErrorCode.ENGINE_FAILED


@pytest.mark.parametrize("sampling", [Sampling(temperature=0), Sampling(), Sampling(top_k=40, min_p=0.05)])
def test_a_large_vocabulary_is_not_sorted(sampling: Sampling) -> None:
    """Sorting 152,000 logits takes twenty times as long as all the rest. Likelihoods fall as 1 / rank^1.5 here."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    sorted_sizes: list[int] = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            if str(func).startswith("aten.sort"):
                sorted_sizes.append(args[0].numel())
            if str(func).startswith("aten.topk"):
                sorted_sizes.append(args[1])
            return func(*args, **(kwargs or {}))

    ranks = torch.randperm(151_936, generator=torch.Generator().manual_seed(1)) + 1.0
    sampler = Sampler(sampling, range(500), seed=1)
    with Watch():  # type: ignore[no-untyped-call]
        sampler.pick(-1.5 * torch.log(ranks))
    assert sum(sorted_sizes) <= 256
    assert bool(sorted_sizes) == (sampling.temperature > 0)
