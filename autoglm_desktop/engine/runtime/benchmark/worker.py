"""A contestant in its own process: ``python -m autoglm_desktop.engine.runtime.benchmark.worker``.

Reads one JSON object a line (``op`` and its arguments), answers each with one. The first answer tells of the load.
Ends with its input.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import psutil

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine import environment

from .contestant import Contestant

if TYPE_CHECKING:
    from .ours import Ours

Reply = dict[str, Any]


class Worker:
    """Carries out requests on one contestant."""

    def __init__(self, options: argparse.Namespace) -> None:
        began_s = time.perf_counter()
        self._contestant = _load(options)
        self._load_s = time.perf_counter() - began_s

    def facts(self) -> Reply:
        """Megabytes are 10^6 bytes; the resident set is that of this process now."""
        return {
            "load_s": self._load_s,
            "weights_mb": self._contestant.weights_bytes / 1e6,
            "rss_mb": psutil.Process().memory_info().rss / 1e6,
        }

    def run(self, prompt: list[int], new_tokens: int) -> Reply:
        made = self._contestant.run(prompt, new_tokens)
        return {"prefill_tok_s": len(prompt) / made.prefill_s, "decode_tok_s": (new_tokens - 1) / made.decode_s}

    def first_token(self, history: list[int], turn: list[int]) -> Reply:
        cold_s, warm_s = self._contestant.first_token(history, turn)
        return {"ttft_cold_s": cold_s, "ttft_warm_s": warm_s}

    def tokens(self, count: int) -> Reply:
        return {"tokens": self._ours().text_tokens(count)}

    def switch(self, prompt: list[int], to: str) -> Reply:
        seconds, kept = self._ours().switch(prompt, Tier(to))
        return {"seconds": seconds, "kv_kept": kept}

    def quality(self) -> Reply:
        quality = self._ours().quality()
        return {"ppl": quality.ppl, "kl": quality.kl}

    def _ours(self) -> Ours:
        from .ours import Ours

        assert isinstance(self._contestant, Ours), "only our decoder can do this"
        return self._contestant


def _load(options: argparse.Namespace) -> Contestant:
    """Each library is imported only where it competes."""
    match options.contestant:
        case "llama.cpp":
            from .llama_cpp import LlamaCpp

            return LlamaCpp(options.model, options.threads)
        case "openvino":
            from .openvino import OpenVino

            return OpenVino(options.model, options.threads)
    import torch

    torch.set_num_threads(options.threads)
    if options.contestant == "transformers":
        from .reference import Transformers

        return Transformers(options.model)
    from .ours import Ours

    return Ours(options.model, Tier(options.tier))


def main() -> None:
    options = _parse()
    environment.prepare(options.threads)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    try:
        worker = Worker(options)
        _say(answers, worker.facts())
        for line in sys.stdin:
            request = json.loads(line)
            _say(answers, getattr(worker, request.pop("op"))(**request))
    except AppError as error:
        _say(answers, {"error": error.report.cause.english()})
        raise SystemExit(1) from error
    except Exception as error:
        _say(answers, {"error": f"{type(error).__name__}: {error}"})
        raise


def _say(stream: TextIO, reply: Reply) -> None:
    print(json.dumps(reply), file=stream, flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant", choices=("ours", "llama.cpp", "openvino", "transformers"))
    parser.add_argument("model", type=Path, help="folder, or GGUF file for llama.cpp and openvino")
    parser.add_argument("--tier", default=Tier.FP16.value)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
