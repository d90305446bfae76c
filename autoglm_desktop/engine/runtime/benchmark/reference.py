"""transformers (eager, bf16) as a contestant: what its users get without any setting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from .contestant import Round


class Transformers:
    """`AutoModelForCausalLM` with its dynamic cache, one forward a token."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM

        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
        self.weights_bytes = sum(p.nbytes for p in {p.data_ptr(): p for p in self._model.parameters()}.values())

    def run(self, prompt: Sequence[int], new_tokens: int) -> Round:
        began_s = time.perf_counter()
        token, cache = self._read(prompt, None)
        first_s = time.perf_counter()
        for _ in range(new_tokens - 1):
            token, cache = self._read([token], cache)
        return Round(first_s - began_s, time.perf_counter() - first_s)

    def first_token(self, history: Sequence[int], turn: Sequence[int]) -> tuple[float, float]:
        began_s = time.perf_counter()
        self._read([*history, *turn], None)
        cold_s = time.perf_counter() - began_s
        _, cache = self._read(history, None)
        began_s = time.perf_counter()
        self._read(turn, cache)
        return cold_s, time.perf_counter() - began_s

    @torch.inference_mode()
    def _read(self, tokens: Sequence[int], cache: object) -> tuple[int, object]:
        out = self._model(
            input_ids=torch.tensor([list(tokens)]), past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return int(out.logits[0, -1].argmax()), out.past_key_values
