"""OpenVINO GenAI as a contestant, on a GGUF file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .contestant import Round


class OpenVino:
    """`LLMPipeline`, which keeps its cache between calls that share a beginning when prefix caching is on."""

    def __init__(self, file: Path, threads: int) -> None:
        import openvino_genai

        self._genai = openvino_genai
        self.weights_bytes = file.stat().st_size
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        self._cold = openvino_genai.LLMPipeline(str(file), "CPU", INFERENCE_NUM_THREADS=threads)
        self._warm = openvino_genai.LLMPipeline(
            str(file), "CPU", INFERENCE_NUM_THREADS=threads, scheduler_config=scheduler
        )

    def run(self, prompt: Sequence[int], new_tokens: int) -> Round:
        metrics = self._generate(self._cold, prompt, new_tokens).perf_metrics
        prefill_s = metrics.get_ttft().mean / 1e3
        return Round(prefill_s, metrics.get_generate_duration().mean / 1e3 - prefill_s)

    def first_token(self, history: Sequence[int], turn: Sequence[int]) -> tuple[float, float]:
        began_s = time.perf_counter()
        self._generate(self._cold, [*history, *turn], 1)
        cold_s = time.perf_counter() - began_s
        self._generate(self._warm, history, 1)
        began_s = time.perf_counter()
        self._generate(self._warm, [*history, *turn], 1)
        return cold_s, time.perf_counter() - began_s

    def _generate(self, pipeline: Any, prompt: Sequence[int], new_tokens: int) -> Any:
        import openvino

        config = self._genai.GenerationConfig()
        config.max_new_tokens = config.min_new_tokens = new_tokens
        config.do_sample = False
        config.ignore_eos = True
        return pipeline.generate(openvino.Tensor(np.array([prompt], dtype=np.int64)), config)
