"""The sentences of the column: phases, statistics, reasons, names for screen readers."""

from __future__ import annotations

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import FinishReason, Phase, Usage
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.routing import Where
from autoglm_desktop.ui.figures import count, duration, rate, seconds

from .row import Notice, Row

MAX_NAME_CHARACTERS = 200


def phase_words(row: Row) -> str:
    """What happens for an answer right now."""
    if row.stopping:
        return tr("Stopping…")
    if row.phase in (Phase.THINKING, Phase.GENERATING):
        return _with_rate(tr("Thinking") if row.phase is Phase.THINKING else tr("Generating"), row)
    if row.fraction is not None and row.phase in (Phase.LOADING, Phase.PREFILL):
        percent = f"{round(row.fraction * 100)} %"
        if row.reads_images:
            return tr("Loading the image reader {percent}", percent=percent)
        loading = row.phase is Phase.LOADING
        return (
            tr("Loading the model {percent}", percent=percent)
            if loading
            else tr("Reading the prompt {percent}", percent=percent)
        )
    return {
        Phase.QUEUED: tr("Waiting for its turn"),
        Phase.STARTING: tr("Starting the engine"),
        Phase.LOADING: tr("Loading the model"),
        Phase.PREFILL: tr("Reading the prompt"),
        Phase.READING_IMAGE: tr("Reading the image…"),
        Phase.ASKING_CLOUD: tr("Asking the cloud"),
    }.get(row.phase or Phase.GENERATING, tr("Waiting for the engine"))


def _with_rate(word: str, row: Row) -> str:
    speed = row.rate_tok_s
    return f"{word} · {tr('{rate} tok/s', rate=rate(speed))}" if speed is not None else word


def thinking_words(row: Row) -> str:
    """The title of the expander."""
    if row.streaming and not row.text:
        return tr("Thinking…")
    if row.node.thought_s > 0:
        return tr("Thought for {time}", time=duration(max(1.0, row.node.thought_s)))
    return tr("Thoughts")


def statistics(usage: Usage) -> list[str]:
    """The figures of the quiet row, in the order in which they are shown."""
    took = usage.ttft_s + usage.decode_s
    words = [
        f"{tr('{count} tokens', count=count(usage.completion_tokens))} · {seconds(took)}",
        tr("first token {time}", time=seconds(usage.ttft_s)),
    ]
    if usage.decode_tok_s > 0:
        words[0] += f" · {tr('{rate} tok/s', rate=rate(usage.decode_tok_s))}"
    if usage.cached_tokens:
        words.append(
            tr(
                "cache reused {cached} of {prompt} tokens",
                cached=count(usage.cached_tokens),
                prompt=count(usage.prompt_tokens),
            )
        )
    return words


def statistics_details(usage: Usage) -> str:
    """More of the same for the tooltip."""
    lines = [
        tr("Prompt: {count} tokens, {cached} from the cache", count=usage.prompt_tokens, cached=usage.cached_tokens),
        tr("Read at {rate} tok/s in {time}", rate=rate(usage.prefill_tok_s), time=seconds(usage.prefill_s)),
        tr("Answer: {count} tokens, {thinking} of them thinking", **_answer(usage)),
    ]
    if usage.load_s > 0:
        lines.append(tr("Loading took {time}", time=seconds(usage.load_s)))
    by = usage.answered_by
    if by is not None and by.where is Where.CLOUD:
        return "\n".join((*lines, tr("Tokens as counted by {host}; times as seen from here.", host=by.endpoint)))
    return "\n".join((*lines, tr("Measured on this machine. Seed {seed}.", seed=usage.seed)))


def _answer(usage: Usage) -> dict[str, str | int | float]:
    return {"count": usage.completion_tokens, "thinking": usage.reasoning_tokens}


def ending_words(node: Node) -> str:
    """Why an answer ended early, or nothing for one that is whole. Errors speak for themselves."""
    if node.error is not None:
        return ""
    if node.finish is FinishReason.LENGTH:
        return tr("The answer reached its length limit.")
    if node.finish is FinishReason.CANCELLED:
        return tr("You stopped this answer.")
    if node.state is NodeState.INTERRUPTED:
        return tr("This answer was interrupted; what had arrived is kept.")
    return ""


def notice_words(notice: Notice) -> str:
    """``INT8 → INT4, conversation and cache kept (0.3 s)``."""
    switch = notice.switch
    what = tr(
        "{old} → {new}, conversation and cache kept ({time})",
        old=switch.from_tier.label,
        new=switch.to_tier.label,
        time=seconds(switch.seconds),
    )
    if not switch.kv_kept_tokens:
        what = tr(
            "{old} → {new} ({time})",
            old=switch.from_tier.label,
            new=switch.to_tier.label,
            time=seconds(switch.seconds),
        )
    return f"{notice.reason} · {what}" if notice.reason else what


def accessible_name(row: Row) -> str:
    """What a screen reader says for a message."""
    text = row.text if len(row.text) <= MAX_NAME_CHARACTERS else row.text[:MAX_NAME_CHARACTERS] + "…"
    if row.is_user and row.images:
        images = tr("{count} images", count=len(row.images)) if len(row.images) > 1 else tr("1 image")
        return tr("You sent {images}: {text}", images=images, text=text)
    if row.is_user:
        return tr("You said: {text}", text=text)
    if row.streaming:
        return tr("Answer in progress: {text}", text=text or phase_words(row))
    return tr("Answer: {text}", text=text)
