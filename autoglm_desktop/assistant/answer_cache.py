"""Answers to identical requests, reused while the governor asks for it. In memory only, bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.events import FinishReason
from autoglm_desktop.core.messages import TurnRequest
from autoglm_desktop.core.precision import Tier

MAX_ANSWERS = 256
MAX_CHARACTERS = 2_000_000
"""Of text, reasoning and prompts together."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer that was computed in `tier`, and how it ended."""

    text: str
    reasoning: str
    tier: Tier
    finish: FinishReason


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: CachedAnswer
    conversation_id: str
    characters: int


def key_of(request: TurnRequest) -> Hashable:
    """What makes two requests identical: model, messages, sampling (its seed too), lengths, thinking, stops.

    Not the tier: an answer of another precision answers the same request. `request` is as the user asked, before the
    governor's cap.
    """
    return (
        request.model,
        request.messages,
        request.sampling,
        request.max_tokens,
        request.think,
        request.thinking_budget_tokens if request.think else 0,
        request.stop,
    )


class AnswerCache:
    """Least recently used answers go first. Callable from any thread."""

    def __init__(self, *, max_answers: int = MAX_ANSWERS, max_characters: int = MAX_CHARACTERS) -> None:
        self._max_answers, self._max_characters = max_answers, max_characters
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def characters(self) -> int:
        """What is held, in characters."""
        return self._characters

    def find(self, request: TurnRequest, conversation_id: str) -> CachedAnswer | None:
        """The answer to an identical request. Answers of a temporary conversation stay within it."""
        wanted = key_of(request)
        with self._lock:
            for key in ((conversation_id, wanted), (None, wanted)):
                if key in self._entries:
                    self._entries.move_to_end(key)
                    return self._entries[key].answer
        return None

    def keep(self, request: TurnRequest, node: Node, *, private: bool) -> None:
        """Remember a whole answer; one that ended early, is empty, came from here, or is too large is not kept.

        `private`: only the same conversation may have it again.
        """
        whole = node.state is NodeState.COMPLETE and node.finish is not None and not node.from_cache
        if not whole or not node.text or node.usage is None or node.finish is None:
            return
        if node.usage.answered_by is not None:  # its label would be lost
            return
        answer = CachedAnswer(node.text, node.reasoning, node.usage.tier, node.finish)
        prompt = sum(len(message.text) + len(message.reasoning) for message in request.messages)
        entry = _Entry(answer, node.conversation_id, prompt + len(node.text) + len(node.reasoning))
        if entry.characters > self._max_characters:
            return
        with self._lock:
            self._put((node.conversation_id if private else None, key_of(request)), entry)

    def forget(self, conversation_id: str) -> None:
        """Drop what a conversation answered."""
        with self._lock:
            gone = [key for key, entry in self._entries.items() if entry.conversation_id == conversation_id]
            for key in gone:
                self._characters -= self._entries.pop(key).characters

    def _put(self, key: Hashable, entry: _Entry) -> None:
        before = self._entries.pop(key, None)
        self._characters += entry.characters - (before.characters if before else 0)
        self._entries[key] = entry
        while len(self._entries) > self._max_answers or self._characters > self._max_characters:
            _, oldest = self._entries.popitem(last=False)
            self._characters -= oldest.characters
