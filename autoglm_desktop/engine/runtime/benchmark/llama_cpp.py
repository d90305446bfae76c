"""llama.cpp (the `xllamacpp` package) as a contestant, on a GGUF file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .contestant import Round

CONTEXT_TOKENS = 4096


class LlamaCpp:
    """llama.cpp's server without its HTTP; timings are those that it reports."""

    def __init__(self, file: Path, threads: int) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(file)
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.n_gpu_layers = 0
        params.cache_ram_mib = 0
        self.weights_bytes = file.stat().st_size
        self._server = xllamacpp.Server(params)

    def run(self, prompt: Sequence[int], new_tokens: int) -> Round:
        timings = self._complete(prompt, new_tokens, reuse=False)["timings"]
        if timings["prompt_n"] != len(prompt) or timings["predicted_n"] != new_tokens:
            raise RuntimeError(f"llama.cpp did other work than it was asked for: {timings}")
        return Round(timings["prompt_ms"] / 1e3, timings["predicted_ms"] / 1e3)

    def first_token(self, history: Sequence[int], turn: Sequence[int]) -> tuple[float, float]:
        began_s = time.perf_counter()
        self._complete([*history, *turn], 1, reuse=False)
        cold_s = time.perf_counter() - began_s
        self._complete(history, 1, reuse=True)
        began_s = time.perf_counter()
        self._complete([*history, *turn], 1, reuse=True)
        return cold_s, time.perf_counter() - began_s

    def _complete(self, prompt: Sequence[int], new_tokens: int, *, reuse: bool) -> dict[str, Any]:
        done: dict[str, Any] = self._server.handle_completions(
            {
                "prompt": list(prompt),
                "n_predict": new_tokens,
                "temperature": 0,
                "ignore_eos": True,
                "cache_prompt": reuse,
            }
        )
        if "timings" not in done:
            raise RuntimeError(f"llama.cpp: {done}")
        return done
