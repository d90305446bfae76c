"""What the service costs over the engine, and what stateless clients save by reuse; one JSON object.

    python packaging/bench_service.py [--model ID] [--tier int8] [--rounds N] [--new-tokens N]

One engine process does both: the same prompt is asked of it directly and through HTTP (a streaming client in a process
of its own), in turns, and medians are compared. Times to the first token are those that the asker sees; so are the
decode rates. On a busy machine these say little; what the service takes of the processor does: `service_cpu` is that
of the whole process (service, assistant, phone) for an engine that only plays a script, over the same without HTTP.
`kept` is what a small answer takes on a kept connection.

Then a conversation of three turns about a text of some 700 tokens is held through the API, with the sessions kept and
with the sessions dropped before each turn. What turns 2 and 3 save by reuse is told in tokens computed (which is what
counts operations), in seconds of prefill, and in seconds of prefill and decode together.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.completions import CompletionRequest
from autoglm_desktop.core.events import Failed, Finished, TextDelta, TurnEvent
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, Settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.server.host import ServiceHost
from autoglm_desktop.store.store import Store

_LIMIT_S = 300.0
_PACE_S = 0.003
_PROMPT = "Write a long story about a lighthouse keeper, his boat, and a storm that lasted for seven days."
_QUESTIONS = (
    "I run a small museum in a lighthouse by the sea. Visitors like ships, storms and old lamps. " * 34
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
        found = _exchange(client, self._body(f"{number}. {_PROMPT}"))
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
    span_s = last_s - first_s
    return {"first_s": first_s - began_s, "tok_s": (tokens - 1) / span_s if span_s > 0.0 else 0.0}


def overhead(bench: Bench, rounds: int) -> dict[str, object]:
    """Direct and through HTTP in turns; the first round only warms up."""
    direct, through = [], []
    with _client(bench.address) as client:
        for number in range(rounds + 1):
            direct.append(bench.direct(number * 2))
            through.append(bench.through(client, number * 2 + 1))
    direct, through = direct[1:], through[1:]
    rates = [http.tok_s / own.tok_s for own, http in zip(direct, through, strict=True)]
    return {
        "rounds": rounds,
        "decode_tok_s": {"engine": _median(r.tok_s for r in direct), "http": _median(r.tok_s for r in through)},
        "decode_ratio_http_over_engine": _median(rates),
        "first_token_s": {"engine": _median(r.first_s for r in direct), "http": _median(r.first_s for r in through)},
        "first_token_least_added_ms": round(
            1000 * (min(h.first_s for h in through) - min(o.first_s for o in direct)), 2
        ),
        "first_token_added_ms": 1000 * _median(h.first_s - o.first_s for o, h in zip(direct, through, strict=True)),
    }


def service_cpu(tokens: int = 400) -> dict[str, float]:
    """Processor time of HTTP for one streamed answer, per token and per request, in milliseconds."""
    settings = Settings(service_port=0)
    engine = _Paced(lambda request: Reply("word " * (tokens // 2 if "long" in request.messages[-1].text else 1)))
    assistant = Assistant(engine, Store(None), _AnyModel(), settings)
    host = ServiceHost(assistant)
    host.start()
    try:
        with _client(host.wait_running().address or "") as client:
            long, short = (_cpu_ms(assistant, client, text) for text in ("long", "short"))
    finally:
        host.stop()
        assistant.close()
    return {"ms_per_token": round((long - short) / tokens, 4), "ms_per_request": round(short, 2)}


class _Paced(ScriptedEngine):
    """Plays its script at the pace of a quick model: tokens that come all at once would be sent together."""

    def _stand_at(self, *_: object) -> None:
        time.sleep(_PACE_S)


class _AnyModel:
    """A library in which every model is installed."""

    modalities = ("text",)

    def ref(self, model_id: str) -> ModelRef:
        return ModelRef(model_id, "")

    def info(self, model_id: str) -> _AnyModel:  # noqa: ARG002 - the library's signature
        return self


def _cpu_ms(assistant: Assistant, client: subprocess.Popen[str], text: str) -> float:
    """The least of several: what HTTP adds to the same answer without it."""

    def plain() -> None:
        ended = threading.Event()
        request = CompletionRequest((Message.of(Role.USER, text),))
        assistant.completions.start(request, lambda event: ended.set() if isinstance(event, Finished) else None)
        assert ended.wait(_LIMIT_S)

    def http() -> None:
        _exchange(
            client, {"model": "autoglm-phone-9b", "messages": [{"role": "user", "content": text}], "stream": True}
        )

    return min(_cpu_of(http) for _ in range(3)) - min(_cpu_of(plain) for _ in range(3))


def kept_connection() -> dict[str, float]:
    """What one small answer takes on a connection that is kept; an ACK that is waited for shows as 40 ms."""
    settings = Settings(service_port=0)
    assistant = Assistant(ScriptedEngine([Reply("Yes.")]), Store(None), _AnyModel(), settings)
    host = ServiceHost(assistant)
    host.start()
    try:
        address = host.wait_running().address or ""
        with httpx.Client(base_url=address) as client:
            took_s = [_seconds_of(lambda: client.get("/health")) for _ in range(200)]
    finally:
        host.stop()
        assistant.close()
    p95_s = statistics.quantiles(took_s, n=20)[-1]
    return {"health_p50_ms": round(1000 * statistics.median(took_s), 2), "health_p95_ms": round(1000 * p95_s, 2)}


def _seconds_of(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def _cpu_of(work: Callable[[], None]) -> float:
    began_s = time.process_time()
    work()
    return 1000.0 * (time.process_time() - began_s)


def _client(address: str) -> subprocess.Popen[str]:
    """The asking process; it ends with its input."""
    command = [sys.executable, str(Path(__file__).resolve()), "--client", address]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _exchange(client: subprocess.Popen[str], body: dict[str, Any]) -> dict[str, float]:
    assert client.stdin is not None
    assert client.stdout is not None
    print(json.dumps(body), file=client.stdin, flush=True)
    found: dict[str, float] = json.loads(client.stdout.readline())
    return found


def reuse(bench: Bench) -> dict[str, object]:
    """Compute of turns 2 and 3 with the cache, over the same turns without."""
    dropped, kept = bench.conversation(keep=False), bench.conversation(keep=True)

    def compute_s(turns: Sequence[dict[str, Any]]) -> float:
        return sum(float(t["timing"]["prefill_s"]) + _decode_s(t) for t in turns)

    later = compute_s(kept[1:]) / compute_s(dropped[1:])
    prefill = sum(t["timing"]["prefill_s"] for t in kept[1:]) / sum(t["timing"]["prefill_s"] for t in dropped[1:])
    return {
        "prompt_tokens": [t["prompt_tokens"] for t in kept],
        "cached_tokens": [t["prompt_tokens_details"]["cached_tokens"] for t in kept],
        "later_turns_tokens_saved": round(1 - _computed(kept[1:]) / _computed(dropped[1:]), 3),
        "later_turns_prefill_s_saved": round(1 - prefill, 3),
        "later_turns_compute_s_saved": round(1 - later, 3),
        "guide": 0.52,
    }


def _computed(turns: Sequence[dict[str, Any]]) -> int:
    """Tokens that went through the model."""
    return sum(int(t["total_tokens"]) - int(t["prompt_tokens_details"]["cached_tokens"]) for t in turns)


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
            measured = {
                "service_cpu": service_cpu(),
                "kept": kept_connection(),
                "overhead": overhead(bench, options.rounds),
            }
            print(json.dumps({**found, **measured, "reuse": reuse(bench)}, indent=2))
        finally:
            bench.close()


if __name__ == "__main__":
    main()
