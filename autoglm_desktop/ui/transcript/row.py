"""What a row of the conversation shows, as data; widgets are made from it and thrown away again."""

from __future__ import annotations

from dataclasses import dataclass

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import Phase, TierSwitched
from autoglm_desktop.core.messages import Role


@dataclass(frozen=True, slots=True)
class Row:
    """A message. For an answer that is being made, `text` and `reasoning` are what has arrived so far.

    `tokens` were counted since `first_token_s` (monotonic clock, seconds). `draft` is set while a prompt is edited.
    """

    node: Node
    text: str
    reasoning: str
    phase: Phase | None = None
    fraction: float | None = None
    stopping: bool = False
    tokens: int = 0
    first_token_s: float | None = None
    last_token_s: float = 0.0
    expanded: bool = False
    draft: str | None = None

    @staticmethod
    def of(node: Node) -> Row:
        return Row(node, node.text, node.reasoning)

    @property
    def key(self) -> str:
        return self.node.id

    @property
    def streaming(self) -> bool:
        return self.node.state is NodeState.STREAMING

    @property
    def is_user(self) -> bool:
        return self.node.role is Role.USER

    @property
    def rate_tok_s(self) -> float | None:
        """Tokens per second since the first one, once there is half a second to tell from."""
        if self.first_token_s is None or self.last_token_s - self.first_token_s < 0.5:
            return None
        return (self.tokens - 1) / (self.last_token_s - self.first_token_s)


@dataclass(frozen=True, slots=True)
class Notice:
    """A tier switch between two messages; `reason` says why, or is empty."""

    key: str
    node_id: str
    switch: TierSwitched
    reason: str = ""


Entry = Row | Notice


def estimated_height(entry: Entry, width: int) -> int:
    """A guess of a row's height in logical pixels, before it is laid out: 7 px a letter, 12 where it is not Latin."""
    if isinstance(entry, Notice):
        return 56
    text_px = len(entry.text) * (7 if entry.text.isascii() else 12)
    lines = entry.text.count("\n") + text_px // max(1, width) + 1
    if entry.is_user:
        return 72 + 24 * min(lines, 18)
    return 80 + 24 * lines
