"""The window's state and how events change it: pure, without Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from autoglm_desktop.assistant.events import (
    AssistantEvent,
    ConversationDeleted,
    EngineChanged,
    NodeAdded,
    NodeFinished,
    TierChanged,
)
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import EngineState, EngineStatus, Usage
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import Role

LOG_LINES = 50


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that happened, with its Unix time."""

    at_s: float
    text: Text


@dataclass(frozen=True, slots=True)
class ShellState:
    """What the parts around the transcript show. `busy` and `stopping` are ids of conversations."""

    conversation_id: str | None = None
    temporary: bool = False
    """Whether the conversation that the next message starts is a temporary one."""
    busy: frozenset[str] = frozenset()
    stopping: frozenset[str] = frozenset()
    engine: EngineStatus = field(default_factory=lambda: EngineStatus(EngineState.STOPPED))
    usage: Usage | None = None
    """Of the last answer on the shown branch."""
    usage_model_id: str | None = None
    """The model that it is of."""
    log: tuple[LogLine, ...] = ()
    """Newest first."""

    @property
    def answering(self) -> bool:
        """Whether the open conversation is being answered."""
        return self.conversation_id in self.busy


def reduce(state: ShellState, event: AssistantEvent, now_s: float) -> ShellState:
    """The state after an event. Events of other conversations change only `busy`, `stopping` and the log."""
    match event:
        case NodeAdded(node) if node.role is Role.ASSISTANT and node.state is NodeState.STREAMING:
            return replace(state, busy=state.busy | {node.conversation_id})
        case NodeFinished(node):
            return _finished(state, node, now_s)
        case ConversationDeleted(conversation_id):
            ended = {conversation_id}
            return replace(state, busy=state.busy - ended, stopping=state.stopping - ended)
        case TierChanged(_, _, switch):
            told = msg(
                "{from_tier} → {to_tier} in {seconds} s, {tokens} tokens kept",
                from_tier=switch.from_tier.label,
                to_tier=switch.to_tier.label,
                seconds=f"{switch.seconds:.2f}",
                tokens=switch.kv_kept_tokens,
            )
            return _logged(state, told, now_s)
        case EngineChanged(status):
            return _engine_changed(state, status, now_s)
        case _:
            return state


def opened(state: ShellState, conversation_id: str | None, path: list[Node], *, temporary: bool = False) -> ShellState:
    """The state after another conversation (or another branch of it) is shown."""
    last = next((node for node in reversed(path) if node.usage is not None), None)
    usage, model_id = (last.usage, last.model_id) if last is not None else (None, None)
    return replace(state, conversation_id=conversation_id, usage=usage, usage_model_id=model_id, temporary=temporary)


def _finished(state: ShellState, node: Node, now_s: float) -> ShellState:
    ended = {node.conversation_id}
    state = replace(state, busy=state.busy - ended, stopping=state.stopping - ended)
    if node.usage is None:
        return state
    if node.conversation_id == state.conversation_id:
        state = replace(state, usage=node.usage, usage_model_id=node.model_id)
    told = msg(
        "Answered: {tokens} tokens at {rate} tok/s ({tier})",
        tokens=node.usage.completion_tokens,
        rate=f"{node.usage.decode_tok_s:.1f}",
        tier=node.usage.tier.label,
    )
    return _logged(state, told, now_s)


def _engine_changed(state: ShellState, status: EngineStatus, now_s: float) -> ShellState:
    before = state.engine
    state = replace(state, engine=status)
    if before.state in (EngineState.STARTING, EngineState.LOADING) and status.state is EngineState.READY:
        tier = status.tier.label if status.tier else ""
        return _logged(state, msg("Model loaded in {tier}", tier=tier), now_s)
    if before.state is not EngineState.STOPPED and status.state is EngineState.STOPPED:
        return _logged(state, msg("Model unloaded"), now_s)
    return state


def _logged(state: ShellState, text: Text, now_s: float) -> ShellState:
    return replace(state, log=(LogLine(now_s, text), *state.log)[:LOG_LINES])
