"""Conversations and nodes to put into a store."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import count

from autoglm_desktop.core.conversation import Conversation, Node
from autoglm_desktop.core.messages import Role, TextPart
from autoglm_desktop.store.store import Store

_clock = count(1_700_000_000)


def node(conversation_id: str, parent: Node | None, role: Role, text: str) -> Node:
    return Node(
        uuid.uuid4().hex, conversation_id, parent.id if parent else None, role, (TextPart(text),), float(next(_clock))
    )


def chain(texts: Sequence[str], title: str = "A chat") -> tuple[Conversation, list[Node]]:
    """A conversation of one branch: prompt, answer, prompt …"""
    conversation_id = uuid.uuid4().hex
    nodes: list[Node] = []
    for number, text in enumerate(texts):
        role = Role.ASSISTANT if number % 2 else Role.USER
        nodes.append(node(conversation_id, nodes[-1] if nodes else None, role, text))
    now_s = float(next(_clock))
    return Conversation(conversation_id, title, now_s, now_s, leaf_id=nodes[-1].id if nodes else None), nodes


def stored(store: Store, texts: Sequence[str], title: str = "A chat") -> tuple[Conversation, list[Node]]:
    """The same, put into the store."""
    conversation, nodes = chain(texts, title)
    store.add_conversation(conversation, nodes)
    return conversation, nodes


def texts_of(nodes: Sequence[Node]) -> list[str]:
    return [each.text for each in nodes]
