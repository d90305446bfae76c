"""What the service costs over the engine, and what stateless clients save by reuse; one JSON object.

    python packaging/bench_service.py [--model ID] [--tier int8] [--rounds N] [--new-tokens N]

One engine process does both: the same prompt is asked of it directly and through HTTP (a streaming client in a process
of its own), in turns, and medians are compared. Times to the first token are those that the asker sees; so are the
decode rates. Then a conversation of three turns is held through the API, with the sessions kept and with the sessions
dropped before each turn: what that takes of the engine's compute (prefill and decode) in turns 2 and 3, kept over
dropped, is what the guide puts at 48 %.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.events import Failed, Finished, TextDelta, TurnEvent
from autoglm_desktop.core.messages import Message, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, Settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.server.host import ServiceHost
from autoglm_desktop.store.store import Store

_LIMIT_S = 300.0
_PROMPT = "Write a long story about a lighthouse keeper, his boat, and a storm that lasted for seven days."
_QUESTIONS = (
    "I run a small museum in a lighthouse by the sea. Visitors like ships, storms and old lamps. " * 4
    + "Suggest a theme for the summer.",
    "Describe the first room.",
    "And the second one?",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds to the first word, and words' tokens per second after it, as the asker saw them."""

    first_s: float
    tok_s: float


class Bench:
    def __init__(self, model_id: str, tier: Tier, new_tokens: int, log: Path) -> None:
        settings = Settings(model_id=model_id, tier=TierChoice(tier.value), service_port=0, temperature=0.0)
        self._tier, self._new_tokens = tier, new_tokens
        self._library = ModelLibrary(default_data_dir())
        self._model = self._library.ref(model_id)
        self.engine = EngineClient(EngineOptions(0, 1 << 30, 0, log))
        self.assistant = Assistant(self.engine, Store(None), self._library, settings)
        self.host = ServiceHost(self.assistant)
        self.host.start()
        self.address = self.host.wait_running().address or ""

    def close(self) -> None:
        self.host.stop()
        self.assistant.close()

    def direct(self, number: int) -> Run:
        """Ask the engine."""
        told: queue.SimpleQueue[tuple[float, TurnEvent]] = queue.SimpleQueue()
        sampling = Sampling(temperature=0.0, repetition_penalty=1.05)
        messages = (Message.of(Role.SYSTEM, "You tell stories."), Message.of(Role.USER, f"{number}. {_PROMPT}"))
        request = TurnRequest(f"bench-{number}", self._model, messages, self._tier, sampling, self._new_tokens)
        began_s = time.perf_counter()
        self.engine.submit(request, lambda event: told.put((time.perf_counter(), event)))
        first_s, tokens_before = 0.0, 0
        while True:
            at_s, event = told.get(timeout=_LIMIT_S)
            match event:
                case TextDelta():
                    if not first_s:
                        first_s, tokens_before = at_s, event.tokens
                case Finished(usage=usage):
                    return Run(first_s - began_s, (usage.completion_tokens - tokens_before) / (at_s - first_s))
                case Failed(error=error):
                    raise RuntimeError(error.line())

    def through(self, client: subprocess.Popen[str], number: int) -> Run:
        """Ask over HTTP, from the other process."""
        assert client.stdin is not None
        assert client.stdout is not None
        print(json.dumps(self._body(f"{number}. {_PROMPT}")), file=client.stdin, flush=True)
        found = json.loads(client.stdout.readline())
        return Run(found["first_s"], found["tok_s"])

    def _body(self, text: str) -> dict[str, Any]:
        return {
            "model": "autoglm-phone-9b",
            "messages": [{"role": "system", "content": "You tell stories."}, {"role": "user", "content": text}],
            "temperature": 0.0,
            "max_tokens": self._new_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def client(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(Path(__file__).resolve()), "--client", self.address]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def conversation(self, *, keep: bool) -> list[dict[str, Any]]:
        """The usage of each of three turns; without `keep` nothing is reused."""
        messages: list[dict[str, str]] = []
        found = []
        self.assistant.forget_sessions()
        with httpx.Client(base_url=self.address, timeout=_LIMIT_S) as client:
            for question in _QUESTIONS:
                if not keep:
                    self.assistant.forget_sessions()
                messages.append({"role": "user", "content": question})
                body = {"model": "autoglm-phone-9b", "messages": messages, "temperature": 0.0, "max_tokens": 32}
                answer = client.post("/v1/chat/completions", json=body).raise_for_status().json()
                messages.append({"role": "assistant", "content": answer["choices"][0]["message"]["content"]})
                found.append(answer["usage"])
        return found


def serve_as_client(address: str) -> None:
    """The other process: a body a line comes in, what was seen goes out."""
    with httpx.Client(base_url=address, timeout=_LIMIT_S) as client:
        for line in sys.stdin:
            print(json.dumps(_ask(client, json.loads(line))), flush=True)


def _ask(client: httpx.Client, body: dict[str, Any]) -> dict[str, float]:
    began_s = time.perf_counter()
    first_s = last_s = 0.0
    tokens = 0
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            if not first_s and '"content": "' in line:
                first_s = time.perf_counter()
            elif '"usage":{' in line:
                tokens = json.loads(line[6:])["usage"]["completion_tokens"]
                last_s = time.perf_counter()
    return {"first_s": first_s - began_s, "tok_s": (tokens - 1) / (last_s - first_s)}


def overhead(bench: Bench, rounds: int) -> dict[str, object]:
    """Direct and through HTTP in turns; the first round only warms up."""
    direct, through = [], []
    with bench.client() as client:
        for number in range(rounds + 1):
            direct.append(bench.direct(number * 2))
            through.append(bench.through(client, number * 2 + 1))
        assert client.stdin is not None
        client.stdin.close()
    direct, through = direct[1:], through[1:]
    rates = [http.tok_s / own.tok_s for own, http in zip(direct, through, strict=True)]
    return {
        "rounds": rounds,
        "decode_tok_s": {"engine": _median(r.tok_s for r in direct), "http": _median(r.tok_s for r in through)},
        "decode_ratio_http_over_engine": _median(rates),
        "first_token_s": {"engine": _median(r.first_s for r in direct), "http": _median(r.first_s for r in through)},
        "first_token_added_ms": 1000 * _median(h.first_s - o.first_s for o, h in zip(direct, through, strict=True)),
    }


def reuse(bench: Bench) -> dict[str, object]:
    """Compute of turns 2 and 3 with the cache, over the same turns without."""
    dropped, kept = bench.conversation(keep=False), bench.conversation(keep=True)

    def compute_s(turns: Sequence[dict[str, Any]]) -> float:
        return sum(t["timing"]["prefill_s"] + _decode_s(t) for t in turns)

    later = compute_s(kept[1:]) / compute_s(dropped[1:])
    prefill = sum(t["timing"]["prefill_s"] for t in kept[1:]) / sum(t["timing"]["prefill_s"] for t in dropped[1:])
    return {
        "prompt_tokens": [t["prompt_tokens"] for t in kept],
        "cached_tokens": [t["prompt_tokens_details"]["cached_tokens"] for t in kept],
        "later_turns_prefill_saved": 1 - prefill,
        "later_turns_compute_saved": 1 - later,
        "guide": 0.52,
    }


def _decode_s(usage: dict[str, Any]) -> float:
    rate = float(usage["timing"]["decode_tok_s"])
    return (usage["completion_tokens"] - 1) / rate if rate else 0.0


def _median(values: Any) -> float:
    return round(float(statistics.median(values)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL_ID)
    parser.add_argument("--tier", default="int8", type=Tier)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--new-tokens", default=96, type=int)
    parser.add_argument("--client", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        serve_as_client(options.client)
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.model, options.tier, options.new_tokens, Path(folder) / "engine.log")
        try:
            found = {"model": options.model, "tier": options.tier.value}
            print(json.dumps({**found, "overhead": overhead(bench, options.rounds), "reuse": reuse(bench)}, indent=2))
        finally:
            bench.close()


if __name__ == "__main__":
    main()
