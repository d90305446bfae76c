"""Answers read aloud, sentence by sentence, while they stream."""

from __future__ import annotations

from autoglm_desktop.assistant.events import AssistantEvent, NodeAdded, NodeDelta, NodeFinished
from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.messages import Role
from autoglm_desktop.devices.speaker import Speaker

from .spoken import SpokenText


class ReadAloud:
    """Says the answers of one conversation. GUI thread only."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self._node_id = ""
        self._text = SpokenText()
        self._taken = 0

    @property
    def speaking(self) -> bool:
        return self.speaker.speaking

    def stop(self) -> bool:
        """Be silent, also about the rest of this answer; whether anything was being said."""
        spoke = self.speaking
        self._node_id = ""
        if spoke:
            self.speaker.stop()
        return spoke

    def follow(self, event: AssistantEvent, conversation_id: str | None) -> None:
        """Take an event of the assistant; only answers that begin in `conversation_id` are said."""
        match event:
            case NodeAdded(node) if node.conversation_id == conversation_id:
                self.stop()
                if node.role is Role.ASSISTANT and node.state is NodeState.STREAMING:
                    self._node_id, self._text, self._taken = node.id, SpokenText(), 0
            case NodeDelta(_, node_id, text) if node_id == self._node_id and text:
                self._take(text)
            case NodeFinished(node) if node.id == self._node_id:
                self._take(node.text[self._taken :])
                self._say(self._text.finish())
                self._node_id = ""

    def _take(self, text: str) -> None:
        self._taken += len(text)
        self._say(self._text.feed(text))

    def _say(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self.speaker.say(sentence)
