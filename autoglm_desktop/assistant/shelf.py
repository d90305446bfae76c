"""Kept and temporary conversations behind one face: which store holds what."""

from __future__ import annotations

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.store.store import Store


class Shelf:
    """The store on the disk and its twin in memory. Callable from any thread, as the stores are."""

    def __init__(self, kept: Store) -> None:
        self.kept = kept
        self.temporary = Store(None, private=kept.path.parent / "private" if kept.path is not None else None)

    def of_conversation(self, conversation_id: str) -> Store:
        """The store that holds the conversation; the one on the disk when neither does."""
        return self.temporary if self.temporary.holds(conversation_id) else self.kept

    def of_node(self, node_id: str) -> tuple[Store, Node]:
        """The node with its store. Raises AppError BAD_INPUT when neither has it."""
        found = self.temporary.find_node(node_id)
        return (self.temporary, found) if found is not None else (self.kept, self.kept.node(node_id))

    def close(self) -> None:
        """Close both. Idempotent."""
        self.temporary.close()
        self.kept.close()
