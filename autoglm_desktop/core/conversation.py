"""Conversations as trees: an edit or a second answer is a sibling, nothing is overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .energy import TurnEnergy
from .errors import ErrorReport
from .events import FinishReason, Usage
from .messages import Message, Part, Role
from .precision import Tier


class NodeState(StrEnum):
    COMPLETE = "complete"
    STREAMING = "streaming"
    """An answer that is being made; found in the store at a start, it was interrupted."""
    INTERRUPTED = "interrupted"
    """Ended early (stopped, failed, crash): the text is what had arrived."""


@dataclass(frozen=True, slots=True)
class Node:
    """One message in the tree of a conversation.

    `siblings` are the ids of all children of the same parent in order of creation, this one among them (the ‹2/3› of
    the window). `created_s` is Unix time. For answers: `usage` and `finish` once it ended, `thought_s` the seconds
    spent reasoning, `model_id` who answered, `error` why it ended early.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    parts: tuple[Part, ...]
    created_s: float
    state: NodeState = NodeState.COMPLETE
    siblings: tuple[str, ...] = ()
    reasoning: str = ""
    thought_s: float = 0.0
    model_id: str | None = None
    tier: Tier | None = None
    """The tier asked for when the answer began; `usage.tier` is the one it ended in."""
    usage: Usage | None = None
    finish: FinishReason | None = None
    error: ErrorReport | None = None
    dropped_messages: int = 0
    """For answers: how many of the oldest messages were left out of the request because the context was full."""
    energy: TurnEnergy | None = None
    """For answers, once ended: what it cost."""
    from_cache: bool = False
    """For answers: an identical request had been answered before, and the governor asked to reuse that."""

    @property
    def text(self) -> str:
        return self.message.text

    @property
    def message(self) -> Message:
        return Message(self.role, self.parts, self.reasoning)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The head of a conversation. Times are Unix seconds. `system_prompt` None means the one of the settings.

    `title` is empty until the first prompt gives one.
    """

    id: str
    title: str
    created_s: float
    updated_s: float
    temporary: bool = False
    """Never written to disk; gone when it is closed."""
    system_prompt: str | None = None
    leaf_id: str | None = None
    """The last node of the branch that is shown."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A conversation that matches, with an excerpt; matches in `excerpt` stand between U+0002 and U+0003."""

    conversation: Conversation
    node_id: str | None
    excerpt: str
