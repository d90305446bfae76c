"""What becomes of an answer, event by event: a pure reduction, and what each step tells the listeners."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import (
    Failed,
    Finished,
    FinishReason,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TierSwitched,
    TurnEvent,
)
from autoglm_desktop.core.messages import TextPart

from .events import AssistantEvent, NodeDelta, NodePhase, TierChanged


@dataclass(frozen=True, slots=True)
class TurnState:
    """An answer in the making. `thinking_since_s` is a monotonic time, None while it does not reason."""

    node: Node
    thinking_since_s: float | None = None

    @property
    def ended(self) -> bool:
        return self.node.state is not NodeState.STREAMING


def reduce(state: TurnState, event: TurnEvent, now_s: float) -> TurnState:
    """The state after the event; `now_s` is monotonic. An answer that ended does not change any more."""
    if state.ended:
        return state
    match event:
        case PhaseChanged(phase=Phase.THINKING):
            state = _thinking(state, now_s)
        case ReasoningDelta():
            state = _thinking(state, now_s)
            state = replace(state, node=replace(state.node, reasoning=state.node.reasoning + event.text))
        case TextDelta():
            state = _thought(state, now_s)
            state = replace(state, node=replace(state.node, parts=(TextPart(state.node.text + event.text),)))
        case Finished():
            state = _thought(state, now_s)
            ended = NodeState.INTERRUPTED if event.reason is FinishReason.CANCELLED else NodeState.COMPLETE
            state = replace(state, node=replace(state.node, state=ended, finish=event.reason, usage=event.usage))
        case Failed():
            state = _thought(state, now_s)
            node = replace(state.node, state=NodeState.INTERRUPTED, error=event.error, usage=event.usage)
            state = replace(state, node=node)
        case _:
            pass
    return state


def told(before: TurnState, event: TurnEvent) -> AssistantEvent | None:
    """What the listeners hear of an event that is not the last; `before` is the state it met."""
    node = before.node
    match event:
        case PhaseChanged():
            return NodePhase(node.conversation_id, node.id, event.phase, event.fraction)
        case TextDelta():
            return NodeDelta(node.conversation_id, node.id, text=event.text, start=len(node.text), tokens=event.tokens)
        case ReasoningDelta():
            return NodeDelta(
                node.conversation_id, node.id, reasoning=event.text, start=len(node.reasoning), tokens=event.tokens
            )
        case TierSwitched():
            return TierChanged(node.conversation_id, node.id, event)
        case _:
            return None


def _thinking(state: TurnState, now_s: float) -> TurnState:
    """Start the clock of the reasoning, unless it runs."""
    return state if state.thinking_since_s is not None else replace(state, thinking_since_s=now_s)


def _thought(state: TurnState, now_s: float) -> TurnState:
    """Stop the clock of the reasoning, if it runs."""
    if state.thinking_since_s is None:
        return state
    seconds = state.node.thought_s + now_s - state.thinking_since_s
    return replace(state, node=replace(state.node, thought_s=seconds), thinking_since_s=None)
