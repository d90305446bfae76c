"""What a request says to the model, and what is left out of it when the user chose to drop the oldest messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.messages import ImagePart, Message, Role

_ASCII_CHARACTERS_PER_TOKEN = 3
_TOKENS_AROUND_A_MESSAGE = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """Why a prompt did not fit: tokens it takes, tokens kept free for the answer, tokens the model holds."""

    prompt_tokens: int
    room_tokens: int
    context_tokens: int


def messages_for(system_prompt: str, path: Sequence[Node]) -> tuple[Message, ...]:
    """The messages of a branch. Empty answers say nothing; neighbours of one role become one message.

    The second happens after an answer that failed before its first word: many chat templates insist on turns.
    """
    said = [node.message for node in path if says_something(node) and node.role is not Role.SYSTEM]
    merged = [Message.joined(list(group)) for _, group in groupby(said, key=lambda message: message.role)]
    system = [Message.of(Role.SYSTEM, system_prompt)] if system_prompt.strip() else []
    return (*system, *merged)


def says_something(node: Node) -> bool:
    """Whether a message holds text or an image."""
    return bool(node.text.strip()) or any(isinstance(part, ImagePart) for part in node.parts)


def figures_of(error: ErrorReport) -> Figures | None:
    """The figures of a CONTEXT_FULL error, the best guess where it was not counted; None when it does not tell them."""
    params = error.cause.params
    prompt, room, context, about = (params.get(f"{name}_tokens") for name in ("prompt", "room", "context", "about"))
    prompt = prompt if about is None else about
    if not isinstance(prompt, int) or not isinstance(context, int):
        return None
    return Figures(prompt, room if isinstance(room, int) else 0, context)


def estimate_tokens(message: Message) -> int:
    """More than most tokenizers need: a token for each character beyond ASCII, one for three ASCII characters."""
    text = message.text + message.reasoning
    ascii_count = len(text.encode("ascii", "ignore"))
    return len(text) - ascii_count + -(-ascii_count // _ASCII_CHARACTERS_PER_TOKEN) + _TOKENS_AROUND_A_MESSAGE


def without_oldest(messages: Sequence[Message], figures: Figures | None) -> tuple[Message, ...] | None:
    """The messages without as many of the oldest turns as it takes to fit, at least one; system prompt and last
    prompt stay. None when nothing can be left out any more.

    The figures of the refusal calibrate the estimate; without them half of it goes.
    """
    system = tuple(message for message in messages[:1] if message.role is Role.SYSTEM)
    starts = [number for number, message in enumerate(messages) if message.role is Role.USER]
    if len(starts) < 2:
        return None
    wanted = sum(map(estimate_tokens, messages)) * _share_that_fits(figures)
    for start in starts[1:]:
        kept = (*system, *messages[start:])
        if sum(map(estimate_tokens, kept)) <= wanted:
            return kept
    return (*system, *messages[starts[-1] :])


def _share_that_fits(figures: Figures | None) -> float:
    if figures is None or figures.prompt_tokens <= 0:
        return 0.5
    return max(0, figures.context_tokens - figures.room_tokens) / figures.prompt_tokens
