"""What the assistant tells its listeners, from any thread: immutable, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoglm_desktop.core.conversation import Conversation, Node
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import EngineStatus, Phase, TierSwitched
from autoglm_desktop.core.perception import ImageReading, ModalityStatus
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.governor import Decision


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """Created, renamed, or its branch or time changed."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class ConversationDeleted:
    conversation_id: str


@dataclass(frozen=True, slots=True)
class NodeAdded:
    """A message joined the shown branch: the user's, or an answer that begins (state STREAMING).

    It hangs below `node.parent_id`: what was shown below that parent before is now another branch.
    """

    node: Node


@dataclass(frozen=True, slots=True)
class NodeDelta:
    """More text of a streaming answer; one of the two is empty.

    `start` is how many characters of that kind the node had before: whoever read the node in mid-stream sees by it
    what is already shown. `tokens` were decoded for it.
    """

    conversation_id: str
    node_id: str
    text: str = ""
    reasoning: str = ""
    start: int = 0
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class NodePhase:
    """What happens for an answer now."""

    conversation_id: str
    node_id: str
    phase: Phase
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """The answer ended, well or not: the node has its final state, text, usage and error."""

    node: Node


@dataclass(frozen=True, slots=True)
class TierChanged:
    """The tier changed while this conversation was answered."""

    conversation_id: str
    node_id: str
    switch: TierSwitched


@dataclass(frozen=True, slots=True)
class ImageReadingChanged:
    """An image was read, or could not be. `node_id` is the message that has it; one event for each such message.

    None for an image that is not in a message yet.
    """

    node_id: str | None
    part_sha256: str
    reading: ImageReading | ErrorReport


@dataclass(frozen=True, slots=True)
class ModalitiesChanged:
    """Image reading or speech was loaded or given back."""

    modalities: tuple[ModalityStatus, ...]


@dataclass(frozen=True, slots=True)
class EngineChanged:
    status: EngineStatus


@dataclass(frozen=True, slots=True)
class GovernorDecided:
    """The governor decided differently: tier, cap, cache or who chose. Answers that begin from now on follow it."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    settings: Settings


AssistantEvent = (
    ConversationChanged
    | ConversationDeleted
    | NodeAdded
    | NodeDelta
    | NodePhase
    | NodeFinished
    | TierChanged
    | ImageReadingChanged
    | ModalitiesChanged
    | EngineChanged
    | GovernorDecided
    | SettingsChanged
)
Listener = Callable[[AssistantEvent], None]
