"""Asking the assistant and watching the answer come: shared by the one question and the conversation."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import FrameType
from typing import Protocol

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import AssistantEvent, NodeDelta, NodeFinished, NodePhase, TierChanged
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.events import Memory, Phase, TierSwitched, Usage
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.core.routing import Where, answerer

from .output import MB


class View(Protocol):
    """Shows an answer while it comes."""

    def phase(self, phase: Phase, fraction: float | None) -> None: ...

    def delta(self, text: str, reasoning: str) -> None: ...

    def switched(self, switch: TierSwitched) -> None: ...

    def end(self) -> None:
        """The answer is over, or given up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer; `interrupted` when Ctrl-C stopped it."""

    node: Node
    interrupted: bool = False


def ask(assistant: Assistant, begin: Callable[[], Node], view: View) -> Answer:
    """Begin an answer and show it until it ends. Ctrl-C stops it, a second one raises KeyboardInterrupt.

    Raises what `begin` raises (AppError); a failed answer comes back as a node with its error. Main thread only.
    """
    events: SimpleQueue[AssistantEvent | _Interrupt] = SimpleQueue()
    unsubscribe = assistant.subscribe(events.put)
    try:
        with _first_interrupt_to(events):
            return _follow(assistant, begin(), events, view)
    finally:
        unsubscribe()
        view.end()


def _follow(assistant: Assistant, node: Node, events: SimpleQueue[AssistantEvent | _Interrupt], view: View) -> Answer:
    interrupted = False
    while True:
        match events.get():
            case _Interrupt():
                interrupted = True
                assistant.stop(node.conversation_id)
            case NodeFinished(node=finished) if finished.id == node.id:
                return Answer(finished, interrupted)
            case NodeDelta(node_id=node.id, text=text, reasoning=reasoning):
                view.delta(text, reasoning)
            case NodePhase(node_id=node.id, phase=phase, fraction=fraction):
                view.phase(phase, fraction)
            case TierChanged(node_id=node.id, switch=switch):
                view.switched(switch)


class _Interrupt:
    """Ctrl-C was pressed."""


@contextmanager
def _first_interrupt_to(events: SimpleQueue[AssistantEvent | _Interrupt]) -> Iterator[None]:
    """Put the first SIGINT into the queue (which is safe from a handler), let the second raise KeyboardInterrupt."""

    def first(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        events.put(_Interrupt())

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def result_of(node: Node) -> dict[str, object]:
    """An answer as ``chat --json`` prints it."""
    usage = node.usage or _nothing(node)
    return {
        "text": node.text,
        "reasoning": node.reasoning,
        "model": node.model_id,
        "tier": usage.tier.value,
        "finish_reason": node.finish.value if node.finish else None,
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "load_s": round(usage.load_s, 4),
        "ttft_s": round(usage.ttft_s, 4),
        "prefill_tok_s": round(usage.prefill_tok_s, 2),
        "decode_tok_s": round(usage.decode_tok_s, 2),
        "rss_mb": round(usage.memory.rss_bytes / MB, 1),
        "seed": usage.seed,
        "energy": energy_of(node.energy),
        "from_cache": node.from_cache,
        "answered_by": answerer(usage.answered_by),
    }


def _nothing(node: Node) -> Usage:
    """The figures of an answer that was stopped before the model saw its prompt."""
    return Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, node.tier or Tier.FP16, 0, 0, Memory(0, 0, 0))


def energy_of(energy: TurnEnergy | None) -> dict[str, object]:
    """What an answer, a look or a transcription cost.

    `joules` are this computer's where a counter or an estimate tells, else the phone's.
    `label` says which: measured and estimated are of this computer, simulated is the phone.
    """
    if energy is None:
        return {"joules": None, "label": "none"}
    best = energy.computer if energy.computer is not None else energy.phone
    return {
        "joules": _rounded(best.value),
        "label": best.provenance.value if best.provenance else "none",
        "phone_joules": _rounded(energy.phone.value),
        "phone": energy.phone_id,
        "computer_joules": _rounded(energy.computer.value) if energy.computer is not None else None,
        "thermal_status": energy.thermal,
        "max_new_tokens": energy.max_new_tokens,
    }


def _rounded(joules: float | None) -> float | None:
    return None if joules is None else round(joules, 4)


def cost_line(node: Node) -> str:
    """What an answer cost, on one line for people; empty when nothing is known."""
    if node.from_cache:
        return tr("From the cache: nothing was computed.")
    if node.usage is None:
        return ""
    return "\n".join(filter(None, (_who(node.usage), _cost_line(node.usage, energy_words(node.energy)))))


def _who(usage: Usage) -> str:
    by = usage.answered_by
    if by is None:
        return ""
    if by.where is Where.CLOUD:
        return tr("Answered in the cloud by {model} at {host}: {reason}", model=by.model, host=by.endpoint,
                  reason=str(by.reason))  # fmt: skip
    return tr("Answered on this machine: {reason}", reason=str(by.reason))


def energy_words(energy: TurnEnergy | None) -> str:
    if energy is None:
        return tr("energy: unknown")
    phone = tr("{joules:.2f} J simulated ({phone})", joules=energy.phone.value or 0.0, phone=energy.phone_id)
    if energy.phone.reason is not None:
        phone = f"{phone}, {tr('phone off')}"
    computer = energy.computer
    if computer is None or computer.value is None:
        return phone
    here = (
        tr("{joules:.2f} J measured", joules=computer.value)
        if computer.provenance is Provenance.MEASURED
        else tr("{joules:.2f} J estimated", joules=computer.value)
    )
    return f"{here} · {phone}"


def _cost_line(usage: Usage, energy: str) -> str:
    return tr(
        "{tokens} tokens in {seconds} s · {rate} tok/s · first token after {ttft} s · {tier} · "
        "cache reused {cached} of {prompt} tokens · {memory} MB · {energy}",
        tokens=usage.completion_tokens,
        seconds=f"{usage.prefill_s + usage.decode_s:.1f}",
        rate=f"{usage.decode_tok_s:.1f}",
        ttft=f"{usage.ttft_s:.2f}",
        tier=usage.tier.label,
        cached=usage.cached_tokens,
        prompt=usage.prompt_tokens,
        memory=f"{usage.memory.rss_bytes / MB:.0f}",
        energy=energy,
    )
