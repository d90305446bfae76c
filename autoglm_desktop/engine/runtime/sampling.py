"""How the next token is chosen from the logits.

Order as in transformers: penalties, temperature, top-k, top-p, min-p, then one draw by the inverse of the cumulative
distribution. A vocabulary has 150,000 entries, so nothing here sorts all of it unless the filters leave it no choice.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Collection, Iterable

import torch

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Sampling

_WIDTHS = (256, 4096)
"""Most top-p sets have fewer tokens than the first; taking so many costs a fiftieth of sorting a vocabulary."""


def choose_seed(sampling: Sampling) -> int:
    """The seed that was asked for, or a fresh one."""
    return secrets.randbits(31) if sampling.seed is None else sampling.seed


def likeliest(logits: torch.Tensor) -> int:
    """The first of the largest of `logits` [vocab], on the CPU. numpy's search takes a tenth of torch's time."""
    return int(logits.numpy().argmax())


class Sampler:
    """Chooses the tokens of one answer. The same logits, settings and seed give the same tokens."""

    def __init__(self, sampling: Sampling, prompt: Iterable[int], seed: int) -> None:
        self._sampling = sampling
        self._random = random.Random(seed)
        self._penalties = Penalties(sampling, prompt)

    def pick(self, logits: torch.Tensor, banned: Collection[int] = ()) -> int:
        """The next token for float32 `logits` [vocab], which are not changed; none of `banned`.

        Raises AppError ENGINE_FAILED when the logits are not numbers.
        """
        if not torch.isfinite(logits.amax()):
            raise _not_numbers()
        logits = self._penalties.apply(logits)
        if banned:
            known = [token for token in banned if token < len(logits)]
            logits = logits.index_fill(0, torch.tensor(known, dtype=torch.long), -torch.inf)
        token = likeliest(logits) if self._sampling.temperature <= 0 else self._draw(logits)
        self._penalties.observe(token)
        return token

    def _draw(self, logits: torch.Tensor) -> int:
        ids, probabilities = candidates(logits, self._sampling)
        cumulative = torch.cumsum(probabilities, 0, dtype=torch.float64)
        mark = self._random.random() * float(cumulative[-1])
        index = int(torch.searchsorted(cumulative, mark, right=True))
        index = min(index, cumulative.numel() - 1)
        return index if ids is None else int(ids[index])


def candidates(logits: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor | None, torch.Tensor]:
    """The tokens that may be drawn and their probabilities, which sum to at most 1 (not normalized again).

    Sorted by falling probability; ids are None, meaning every token in the order of the vocabulary, when no filter is
    on. `logits` is float32 [vocab]; the temperature is above 0.
    """
    scaled = (logits - logits.amax()) / sampling.temperature
    if sampling.top_k > 0:
        values, ids = torch.topk(scaled, min(sampling.top_k, scaled.numel()))
        return _filter(ids, torch.softmax(values, 0), sampling)
    if sampling.top_p >= 1 and sampling.min_p <= 0:
        return None, torch.softmax(scaled, 0)
    return _widen(scaled, sampling)


def _widen(scaled: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Take the likeliest tokens, then more of them, until a filter cuts some of those off."""
    normalizer = torch.logsumexp(scaled, 0)
    for width in _WIDTHS:
        if width >= scaled.numel():
            break
        values, ids = torch.topk(scaled, width)
        kept_ids, kept = _filter(ids, torch.exp(values - normalizer), sampling)
        if kept.numel() < width:
            return kept_ids, kept
    return _sort_what_can_stay(torch.exp(scaled - normalizer), sampling)


def _sort_what_can_stay(probabilities: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """For flat distributions. n tokens below (1 - top_p) / n cannot hold 1 - top_p, so the set ends above them."""
    floor = max((1 - sampling.top_p) / probabilities.numel(), sampling.min_p * float(probabilities.amax()))
    ids = torch.nonzero(probabilities >= floor * (1 - 1e-4)).squeeze(1)  # rounding must not cut here
    values, order = torch.sort(probabilities[ids], descending=True)
    return _filter(ids[order], values, sampling)


def _filter(ids: torch.Tensor, probabilities: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Top-p and min-p over tokens sorted by falling probability; the likeliest always stays.

    Top-p keeps the smallest set that reaches the mass, the token that crosses it included (Holtzman et al. 2019);
    min-p keeps what has at least that part of the likeliest token's probability (Nguyen et al. 2024).
    """
    keep = torch.ones_like(probabilities, dtype=torch.bool)
    if sampling.top_p < 1:
        before = torch.cumsum(probabilities, 0, dtype=torch.float64) - probabilities
        keep &= before < sampling.top_p
    if sampling.min_p > 0:
        keep &= probabilities >= sampling.min_p * probabilities[0]
    count = max(1, int(keep.sum()))  # both masks are prefixes
    return ids[:count], probabilities[:count]


class Penalties:
    """Lowers the logits of what was said before: CTRL's repetition penalty, OpenAI's frequency and presence."""

    def __init__(self, sampling: Sampling, prompt: Iterable[int]) -> None:
        self._sampling = sampling
        self._repeats = sampling.repetition_penalty != 1
        self._counts_on = sampling.frequency_penalty != 0 or sampling.presence_penalty != 0
        self._seen_set = set(prompt) if self._repeats else set()
        self._seen = torch.tensor(sorted(self._seen_set), dtype=torch.int64)
        self._counts: Counter[int] = Counter()

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Penalized copy of `logits`, or `logits` itself when there is nothing to do."""
        if not self._repeats and not self._counts:
            return logits
        logits = logits.clone()
        if self._repeats:
            self._divide(logits)
        if self._counts:
            self._subtract(logits)
        return logits

    def observe(self, token: int) -> None:
        """Count a token of the answer."""
        if self._counts_on:
            self._counts[token] += 1
        if self._repeats and token not in self._seen_set:
            self._seen_set.add(token)
            self._seen = torch.cat((self._seen, torch.tensor([token], dtype=torch.int64)))

    def _divide(self, logits: torch.Tensor) -> None:
        penalty = self._sampling.repetition_penalty
        old = logits[self._seen]
        logits[self._seen] = torch.where(old < 0, old * penalty, old / penalty)

    def _subtract(self, logits: torch.Tensor) -> None:
        ids = torch.tensor(list(self._counts), dtype=torch.int64)
        counts = torch.tensor(list(self._counts.values()), dtype=logits.dtype)
        logits[ids] -= counts * self._sampling.frequency_penalty + self._sampling.presence_penalty


def _not_numbers() -> AppError:
    return AppError(
        ErrorCode.ENGINE_FAILED,
        msg("The model computed values that are not numbers."),
        msg("Choose another precision tier, or verify the model's files."),
    )
