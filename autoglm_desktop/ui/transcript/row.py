"""What a row of the conversation shows, as data; widgets are made from it and thrown away again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import Phase, TierSwitched
from autoglm_desktop.core.messages import ImagePart, Role
from autoglm_desktop.core.perception import ImageReading


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
    reading_open: bool = False
    """Whether what was read in its images is shown."""
    unread: tuple[tuple[str, ErrorReport], ...] = ()
    """Images (by hash) that could not be read, and why."""
    reads_images: bool = False
    """For an answer in the making: images are read first, and what loads now is their reader."""

    @staticmethod
    def of(node: Node) -> Row:
        return Row(node, node.text, node.reasoning)

    @property
    def key(self) -> str:
        return self.node.id

    @property
    def images(self) -> tuple[ImagePart, ...]:
        return tuple(part for part in self.node.parts if isinstance(part, ImagePart))

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


def with_reading(row: Row, sha256: str, outcome: ImageReading | ErrorReport) -> Row:
    """The row after one of its images was read, or could not be."""
    unread = tuple(pair for pair in row.unread if pair[0] != sha256)
    if isinstance(outcome, ErrorReport):
        return replace(row, unread=(*unread, (sha256, outcome)))
    parts = tuple(
        replace(part, reading=outcome) if isinstance(part, ImagePart) and part.sha256 == sha256 else part
        for part in row.node.parts
    )
    return replace(row, node=replace(row.node, parts=parts), unread=unread)


def in_phase(row: Row, phase: Phase, fraction: float | None) -> Row:
    """The row in its next phase. Once their reader is loaded, images are being read again."""
    reads = phase is Phase.READING_IMAGE or (row.reads_images and phase in _BEFORE_READING)
    if reads and phase is Phase.LOADING and fraction is not None and fraction >= 1:
        phase, fraction = Phase.READING_IMAGE, None
    return replace(row, phase=phase, fraction=fraction, reads_images=reads)


_BEFORE_READING = (Phase.QUEUED, Phase.STARTING, Phase.LOADING)


def estimated_height(entry: Entry, width: int) -> int:
    """A guess of a row's height in logical pixels, before it is laid out: 7 px a letter, 12 where it is not Latin."""
    if isinstance(entry, Notice):
        return 56
    text_px = len(entry.text) * (7 if entry.text.isascii() else 12)
    lines = entry.text.count("\n") + text_px // max(1, width) + 1
    if entry.is_user:
        words = 72 + 24 * min(lines, 18) if entry.text or not entry.images else 40
        return words + (300 if entry.images else 0)
    return 80 + 24 * lines
