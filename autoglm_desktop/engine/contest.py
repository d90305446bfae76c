"""Measures our decoder and others on the same work, each in a process of its own, in turns on one machine.

Rounds of ours and of the peers alternate, so that what else the machine does hits all of them; medians are kept.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.precision import Tier

from . import environment

OURS = "ours"
CLOSE_S = 30.0
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant: `model` is a folder, or the GGUF file that a peer reads."""

    name: str
    model: Path
    tier: Tier


@dataclass(frozen=True, slots=True)
class Plan:
    """How much work. Tokens; `history_tokens` and `turn_tokens` are those of the second turn."""

    threads: int
    prompt_tokens: int = 184
    new_tokens: int = 64
    history_tokens: int = 800
    turn_tokens: int = 24
    rounds: int = 3

    @property
    def text_tokens(self) -> int:
        """Length of the text that all prompts are cut from."""
        return max(self.prompt_tokens, self.history_tokens + self.turn_tokens)


class Worker:
    """A contestant's process. Loads when it is made; use as a context manager."""

    def __init__(self, entry: Entry, threads: int, log: Path) -> None:
        """Raises AppError ENGINE_FAILED when it cannot load."""
        self.entry = entry
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "autoglm_desktop.engine.runtime.benchmark.worker"]
        command += [entry.name, str(entry.model), "--tier", entry.tier.value, "--threads", str(threads)]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                encoding="utf-8",
                env=os.environ | environment.at_start(),
            )
        self.loaded: Figures = {}

    def __enter__(self) -> Self:
        try:
            self.loaded = self._answer()
        except BaseException:
            self.close(at_once=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(at_once=kind is not None)

    def ask(self, op: str, **arguments: object) -> dict[str, Any]:
        """Raises AppError ENGINE_FAILED with what the worker says."""
        assert self._process.stdin is not None, "made with a pipe"
        try:
            self._process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failed("") from None
        return self._answer()

    def close(self, *, at_once: bool = False) -> None:
        """End the process: with its input, or `at_once`, because what it does is not wanted any more (Ctrl-C).

        It holds nothing that could be lost.
        """
        assert self._process.stdin is not None, "made with a pipe"
        assert self._process.stdout is not None, "made with a pipe"
        if at_once:
            self._process.kill()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            self._process.kill()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None, "made with a pipe"
        line = self._process.stdout.readline()
        reply: dict[str, Any] = json.loads(line) if line else {"error": ""}
        if "error" in reply:
            raise self._failed(reply["error"])
        return reply

    def _failed(self, reason: str) -> AppError:
        return AppError(
            ErrorCode.ENGINE_FAILED,
            msg(
                "Measuring {name} in {tier} failed: {reason}",
                name=self.entry.name,
                tier=self.entry.tier.label,
                reason=reason or "its process ended",
            ),
            msg("Details are in {log}.", log=str(self._log)),
        )


@dataclass(frozen=True, slots=True)
class Contest:
    """All of one run. `tell` gets a sentence for every step."""

    plan: Plan
    log: Path
    tell: Callable[[Text], None]

    def run_tier(self, ours: Entry, peers: Sequence[Entry]) -> dict[str, Figures]:
        """Figures by name of the contestant, ours among them, in one tier."""
        with ExitStack() as closing:
            workers = [self._start(closing, entry) for entry in (ours, *peers)]
            tokens = workers[0].ask("tokens", count=self.plan.text_tokens)["tokens"]
            self.tell(msg("Measuring in {tier}…", tier=ours.tier.label))
            figures = self._in_turns(workers, tokens)
            for worker in workers:
                loaded = worker.ask("facts")
                figures[worker.entry.name] |= loaded
            figures[ours.name] |= workers[0].ask("quality")
            return figures

    def switches(self, folder: Path, tiers: Sequence[Tier]) -> dict[str, dict[str, float]]:
        """Seconds and kept tokens of every change between two of the tiers, in mid-conversation."""
        if len(tiers) < 2:
            return {}
        found = {}
        with Worker(Entry(OURS, folder, tiers[0]), self.plan.threads, self.log) as worker:
            prompt = worker.ask("tokens", count=self.plan.prompt_tokens)["tokens"]
            at = tiers[0]
            for old, new in _walk(tiers):
                if at is not old:
                    worker.ask("switch", prompt=prompt, to=old.value)
                found[f"{old.value}->{new.value}"] = worker.ask("switch", prompt=prompt, to=new.value)
                at = new
        return found

    def _start(self, closing: ExitStack, entry: Entry) -> Worker:
        self.tell(msg("Loading {name} in {tier}…", name=entry.name, tier=entry.tier.label))
        return closing.enter_context(Worker(entry, self.plan.threads, self.log))

    def _in_turns(self, workers: Sequence[Worker], tokens: list[int]) -> dict[str, Figures]:
        """Medians of `rounds`, after a first round that only warms up."""
        plan = self.plan
        prompt = tokens[: plan.prompt_tokens]
        history, turn = tokens[: plan.history_tokens], tokens[plan.history_tokens :][: plan.turn_tokens]
        seen: dict[str, list[Figures]] = {worker.entry.name: [] for worker in workers}
        for number in range(plan.rounds + 1):
            for worker in workers:
                made = worker.ask("run", prompt=prompt, new_tokens=plan.new_tokens)
                made |= worker.ask("first_token", history=history, turn=turn)
                if number:
                    seen[worker.entry.name].append(made)
        return {name: medians(rounds) for name, rounds in seen.items()}


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of every figure."""
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def ratios(ours: Mapping[str, float], peer: Mapping[str, float]) -> Figures:
    """Ours divided by the peer's: speeds above 1 and seconds below 1 are in our favour."""
    return {name: ours[name] / peer[name] for name in ("prefill_tok_s", "decode_tok_s", "ttft_warm_s") if peer[name]}


def _walk(tiers: Sequence[Tier]) -> list[tuple[Tier, Tier]]:
    """Every ordered pair once."""
    return [(old, new) for old in tiers for new in tiers if old is not new]
