"""What an answer took, as clients read it."""

from __future__ import annotations

from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.events import Failed, Finished, FinishReason, Usage
from autoglm_desktop.core.provenance import Quantity
from autoglm_desktop.core.routing import answerer

from .live import LiveAnswer

_FINISH = {FinishReason.STOP: "stop", FinishReason.LENGTH: "length", FinishReason.CANCELLED: "stop"}


def finish_reason(answer: LiveAnswer) -> str:
    """OpenAI's word for how the answer ended."""
    return _FINISH[answer.last.reason] if isinstance(answer.last, Finished) else "stop"


def usage_of(answer: LiveAnswer) -> Usage | None:
    """The engine's figures, if it told them."""
    return answer.last.usage if isinstance(answer.last, Finished | Failed) else None


def chat_usage(answer: LiveAnswer) -> dict[str, object]:
    """`usage` of a chat completion, with what is ours: `energy` and `timing`."""
    usage = usage_of(answer)
    prompt, cached, done, thought = _counts(usage)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": done,
        "total_tokens": prompt + done,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
        "energy": energy_of(answer.energy),
        "timing": _timing(usage),
        "answered_by": answerer(usage.answered_by if usage is not None else None),
    }


def response_usage(answer: LiveAnswer) -> dict[str, object]:
    """`usage` of a response, with the same additions."""
    usage = usage_of(answer)
    prompt, cached, done, thought = _counts(usage)
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": done,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": prompt + done,
        "energy": energy_of(answer.energy),
        "timing": _timing(usage),
        "answered_by": answerer(usage.answered_by if usage is not None else None),
    }


def energy_of(energy: TurnEnergy | None) -> dict[str, object]:
    """`joules` are this computer's where a counter or an estimate tells, else the phone's; `label` says which.

    measured and estimated are of this computer, simulated is the phone.
    """
    if energy is None:
        return {"joules": None, "label": "none", "tier": None}
    best = energy.computer if energy.computer is not None and energy.computer.value is not None else energy.phone
    return {
        "joules": _rounded(best.value),
        "label": best.provenance.value if best.provenance else "none",
        "tier": energy.tier.value,
        "phone": energy.phone_id,
        "phone_joules": _rounded(energy.phone.value),
        "from_cache": energy.from_cache,
        "max_new_tokens": energy.max_new_tokens,
        "thermal_status": energy.thermal,
    }


def quantity(value: Quantity) -> dict[str, object]:
    """A quantity with its provenance, or the reason for its absence."""
    return {
        "value": value.value,
        "unit": value.unit,
        "label": value.provenance.value if value.provenance else "unavailable",
        "reason": value.reason.english() if value.reason else None,
    }


def _counts(usage: Usage | None) -> tuple[int, int, int, int]:
    if usage is None:
        return 0, 0, 0, 0
    return usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens


def _timing(usage: Usage | None) -> dict[str, float]:
    if usage is None:
        return {}
    return {
        "load_s": round(usage.load_s, 4),
        "ttft_s": round(usage.ttft_s, 4),
        "prefill_s": round(usage.prefill_s, 4),
        "decode_tok_s": round(usage.decode_tok_s, 2),
    }


def _rounded(joules: float | None) -> float | None:
    return None if joules is None else round(joules, 4)
