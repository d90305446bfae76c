"""What is said: messages, and the request for one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from .perception import ImageReading
from .precision import Tier


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text. Messages are lists of parts, so that images and speech can stand beside it."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image that is kept under the SHA-256 of its bytes (hex). Size in pixels, upright (EXIF rotation applied).

    `reading` is what the engine read in it, once it did; `name` what the user called the file.
    """

    sha256: str
    media_type: str
    width: int
    height: int
    name: str = ""
    reading: ImageReading | None = None
    kind: Literal["image"] = "image"


Part = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. `reasoning` is what a thinking model wrote before its answer."""

    role: Role
    parts: tuple[Part, ...]
    reasoning: str = ""

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @staticmethod
    def of(role: Role, text: str, *, reasoning: str = "") -> Message:
        """A message of one text part."""
        return Message(role, (TextPart(text),), reasoning)

    @staticmethod
    def joined(messages: Sequence[Message]) -> Message:
        """Neighbours of one role as one message, with empty lines between their texts; at least one is given."""
        if len(messages) == 1:
            return messages[0]
        parts = list(messages[0].parts)
        for message in messages[1:]:
            parts += [TextPart("\n\n"), *message.parts]
        return Message(messages[0].role, tuple(parts), "\n\n".join(m.reasoning for m in messages if m.reasoning))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 is greedy; the other defaults switch a filter off.

    `top_k` 0, `top_p` 1, `min_p` 0, penalties 0 (frequency, presence: OpenAI's, subtracted from logits over the
    generated text) and `repetition_penalty` 1 (CTRL's, divides or multiplies over prompt and text) do nothing.
    `seed` None draws a fresh seed, which is reported in the usage.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model that is ready to load: its name, and the folder in the Hugging Face layout that holds it."""

    model_id: str
    folder: str


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One answer to be made. Immutable; the events that come back carry `turn_id`.

    `max_tokens` bounds the answer (None: only the context does), `thinking_budget_tokens` the reasoning before it (used
    when `think`; reasoning that nobody asked for counts as answer).
    """

    turn_id: str
    model: ModelRef
    messages: tuple[Message, ...]
    tier: Tier
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = 1024
    think: bool = False
    thinking_budget_tokens: int = 512
    stop: tuple[str, ...] = ()
    seen: tuple[Message, ...] = ()
    """The same messages with their images, where `messages` hold text in the place of images; for an engine that sees.

    Empty where there are none. The engine of this machine never gets it.
    """
