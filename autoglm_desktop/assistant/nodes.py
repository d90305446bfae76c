"""Single messages of a conversation: how they are made, what they are called, which state of them counts."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Part, Role
from autoglm_desktop.store.rows import images_of

from .titles import title_of


def new_node(conversation_id: str, parent_id: str | None, role: Role, parts: tuple[Part, ...]) -> Node:
    """A node made now, with an id of its own."""
    return Node(uuid.uuid4().hex, conversation_id, parent_id, role, parts, time.time())


def title_for(prompt: Node) -> str:
    """Out of the first words, or the name of the first image."""
    return title_of(prompt.text) if prompt.text.strip() else title_of(images_of(prompt)[0].name)


def newest(stored: Node, newer: dict[str, Node]) -> Node:
    """What a running answer holds already; an answer that runs elsewhere, or did, is shown as interrupted."""
    found = newer.get(stored.id)
    if found is not None:
        return replace(found, siblings=stored.siblings)
    return replace(stored, state=NodeState.INTERRUPTED) if stored.state is NodeState.STREAMING else stored


def require_role(node: Node, role: Role) -> None:
    """Raises AppError BAD_INPUT for a message of another role."""
    if node.role is not role:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("This cannot be done with a message of the role {role}.", role=node.role.value),
            msg("Edit your own messages; ask again below an answer."),
        )
