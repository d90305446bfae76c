"""Measure the engine on real weights, and print what was measured as one JSON object.

    python packaging/measure_engine.py [--model ID] [--tier int8] [--idle-s 10]

Start to first token (with the process and its libraries), time to first token of a second turn over a long history
against the same prompt without a cache, and what an idle client and engine take of a core.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.events import Failed, Finished, ReasoningDelta, TextDelta, TurnEvent, Usage
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary

_SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank. "
_ROUNDS = 3
_ANSWER_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    usage: Usage
    first_token_s: float
    """From the call of `submit` to the first text."""


class Bench:
    def __init__(self, model: ModelRef, tier: Tier, log: Path) -> None:
        self._model, self._tier = model, tier
        self.client = EngineClient(EngineOptions(threads=0, kv_cache_max_bytes=1 << 30, idle_unload_s=0, log_path=log))
        self._turns = 0

    def ask(self, messages: list[Message]) -> Answer:
        """Raises RuntimeError when the turn fails."""
        self._turns += 1
        events: queue.SimpleQueue[tuple[float, TurnEvent]] = queue.SimpleQueue()
        request = TurnRequest(
            str(self._turns), self._model, tuple(messages), self._tier, Sampling(temperature=0), _ANSWER_TOKENS
        )
        began_s = time.perf_counter()
        self.client.submit(request, lambda event: events.put((time.perf_counter(), event)))
        first_s, text = 0.0, ""
        while True:
            at_s, event = events.get()
            match event:
                case TextDelta() | ReasoningDelta():
                    first_s = first_s or at_s - began_s
                    text += event.text
                case Failed():
                    raise RuntimeError(event.error.line())
                case Finished():
                    return Answer(text, event.usage, first_s)

    def second_turns(self) -> list[dict[str, float]]:
        """Several rounds, because a busy machine disturbs each of them differently."""
        return [self._second_turn() for _ in range(_ROUNDS)]

    def _second_turn(self) -> dict[str, float]:
        roles = (Role.USER, Role.ASSISTANT)
        history = [Message.of(roles[n % 2], f"{n}. {_SENTENCE * 4}") for n in range(13)]
        self.client.forget_sessions()
        first = self.ask(history)
        talk = [*history, Message.of(Role.ASSISTANT, first.text), Message.of(Role.USER, "And what about the cat?")]
        warm = self.ask(talk).usage
        self.client.forget_sessions()
        cold = self.ask(talk).usage
        return {
            "history_tokens": first.usage.prompt_tokens,
            "cached_tokens": warm.cached_tokens,
            "prompt_tokens": warm.prompt_tokens,
            "ttft_cold_s": cold.ttft_s,
            "ttft_warm_s": warm.ttft_s,
            "ratio": warm.ttft_s / cold.ttft_s,
        }


def idle_percent(seconds: float) -> dict[str, float]:
    """What client and engine take of one core while nothing happens."""
    processes = {"client": psutil.Process(), "engine": psutil.Process().children()[0]}
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    time.sleep(seconds)
    after = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    return {name: 100 * (after[name] - before[name]) / seconds for name in processes}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL_ID)
    parser.add_argument("--tier", type=Tier, default=Tier.INT8)
    parser.add_argument("--idle-s", type=float, default=10.0)
    options = parser.parse_args()
    try:
        model = ModelLibrary(default_data_dir()).ref(options.model)
    except AppError as error:
        print(error.report.line(), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(model, options.tier, Path(folder) / "engine.log")
        try:
            first = bench.ask([Message.of(Role.USER, "你是谁?")])
            measured = {
                "model": options.model,
                "tier": options.tier.value,
                "load_average": psutil.getloadavg()[0],
                "start_to_first_token_s": first.first_token_s,
                "memory": {name: getattr(first.usage.memory, name) for name in ("weights_bytes", "rss_bytes")},
                "second_turns": bench.second_turns(),
                "idle_percent_of_a_core": idle_percent(options.idle_s),
            }
        finally:
            bench.client.close()
        measured["processes_left"] = len(psutil.Process().children())
    print(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
