"""Our decoder as a contestant, and what only we measure: tier switches and the tokens of the common prompt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.runtime.decoder import PREFILL_CHUNK_TOKENS, Decoder
from autoglm_desktop.engine.runtime.kv import KvCache
from autoglm_desktop.engine.runtime.quality import Quality, compare, quality_sequences
from autoglm_desktop.engine.runtime.sampling import likeliest

from .contestant import Round


class Ours:
    """The decoder of the product in one tier."""

    def __init__(self, folder: Path, tier: Tier) -> None:
        self._folder = folder
        self._decoder = Decoder.load(folder, tier, on_progress=lambda _: None)

    @property
    def weights_bytes(self) -> int:
        return self._decoder.weights_bytes

    def run(self, prompt: Sequence[int], new_tokens: int) -> Round:
        cache = KvCache.create(self._decoder.config)
        began_s = time.perf_counter()
        token = self._read(prompt, cache)
        first_s = time.perf_counter()
        for _ in range(new_tokens - 1):
            token = self._read([token], cache)
        return Round(first_s - began_s, time.perf_counter() - first_s)

    def first_token(self, history: Sequence[int], turn: Sequence[int]) -> tuple[float, float]:
        cache = KvCache.create(self._decoder.config)
        began_s = time.perf_counter()
        self._read([*history, *turn], cache)
        cold_s = time.perf_counter() - began_s
        cache.trim(len(history))
        began_s = time.perf_counter()
        self._read(turn, cache)
        return cold_s, time.perf_counter() - began_s

    def switch(self, prompt: Sequence[int], to: Tier) -> tuple[float, int]:
        """Seconds of a switch in mid-conversation, and the tokens that the next step did not have to read again."""
        cache = KvCache.create(self._decoder.config)
        token = self._read(prompt, cache)
        began_s = time.perf_counter()
        self._decoder.switch(to, lambda _: None)
        seconds = time.perf_counter() - began_s
        self._read([token], cache)
        return seconds, cache.length - 1

    def text_tokens(self, count: int) -> list[int]:
        """The first `count` tokens of the shipped texts, begun again where they are too short."""
        tokens = list(chain.from_iterable(quality_sequences(self._folder)))
        return (tokens * (count // len(tokens) + 1))[:count]

    def quality(self) -> Quality:
        """Against the 16-bit weights, which are loaded for it."""
        if self._decoder.tier is Tier.FP16:
            reference = self._decoder
        else:
            reference = Decoder.load(self._folder, Tier.FP16, on_progress=lambda _: None)
        return compare(self._decoder, reference, quality_sequences(self._folder))

    def _read(self, tokens: Sequence[int], cache: KvCache) -> int:
        """The likeliest token after `tokens`."""
        for start in range(0, len(tokens), PREFILL_CHUNK_TOKENS):
            logits = self._decoder.forward(tokens[start : start + PREFILL_CHUNK_TOKENS], cache)
        return likeliest(logits)
