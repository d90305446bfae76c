"""Between rows of the database and the objects of the core."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from autoglm_desktop.core.conversation import Conversation, Node, NodeState
from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import FinishReason, Usage
from autoglm_desktop.core.messages import ImagePart, Part, Role, TextPart
from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.core.precision import Tier

_PARTS: TypeAdapter[tuple[Part, ...]] = TypeAdapter(tuple[Part, ...])
_USAGE = TypeAdapter(Usage)
_ERROR = TypeAdapter(ErrorReport)
_ENERGY = TypeAdapter(TurnEnergy)
_READING = TypeAdapter(ImageReading)
Readings = Mapping[str, ImageReading]
"""What was read in images, by their hash."""

NODE_COLUMNS = (
    "id", "conversation_id", "parent_id", "role", "text", "parts", "created_s", "state",
    "reasoning", "thought_s", "model_id", "tier", "usage", "finish", "error", "dropped_messages",
    "energy", "from_cache",
)  # fmt: skip
_ID, _PARENT, _HAS_PARTS = (NODE_COLUMNS.index(name) for name in ("id", "parent_id", "parts"))


def node_values(node: Node) -> dict[str, Any]:
    """The columns of a node, `siblings` excepted: those follow from the tree."""
    plain = len(node.parts) == 1 and isinstance(node.parts[0], TextPart)
    return {
        "id": node.id,
        "conversation_id": node.conversation_id,
        "parent_id": node.parent_id,
        "role": node.role.value,
        "text": node.text,
        "parts": None if plain else _PARTS.dump_json(tuple(map(_without_reading, node.parts))).decode(),
        "created_s": node.created_s,
        "state": node.state.value,
        "reasoning": node.reasoning,
        "thought_s": node.thought_s,
        "model_id": node.model_id,
        "tier": node.tier.value if node.tier else None,
        "usage": _USAGE.dump_json(node.usage).decode() if node.usage else None,
        "finish": node.finish.value if node.finish else None,
        "error": _ERROR.dump_json(node.error).decode() if node.error else None,
        "dropped_messages": node.dropped_messages,
        "energy": _ENERGY.dump_json(node.energy).decode() if node.energy else None,
        "from_cache": int(node.from_cache),
    }


def images_of(node: Node) -> tuple[ImagePart, ...]:
    """The images of a node, in their order."""
    return tuple(part for part in node.parts if isinstance(part, ImagePart))


def has_parts(row: Sequence[Any]) -> bool:
    """Whether the node of this row is more than one text."""
    return row[_HAS_PARTS] is not None


def reading_json(reading: ImageReading) -> str:
    return _READING.dump_json(reading).decode()


def reading_of(text: str) -> ImageReading:
    return _READING.validate_json(text)


def read_text(reading: ImageReading) -> str:
    """The lines that were read, for search."""
    return "\n".join(line.text for line in reading.text_lines)


def _without_reading(part: Part) -> Part:
    """Readings stand once in a table of their own."""
    return replace(part, reading=None) if isinstance(part, ImagePart) and part.reading is not None else part


def _parts_of(text: str, readings: Readings) -> tuple[Part, ...]:
    parts = _PARTS.validate_json(text)
    return tuple(replace(p, reading=readings.get(p.sha256)) if isinstance(p, ImagePart) else p for p in parts)


def node_of(row: Sequence[Any], siblings: tuple[str, ...], readings: Readings) -> Node:
    """A node from the values of NODE_COLUMNS, in that order.

    By position, because opening a long conversation is mostly this: names cost three times as much.
    """
    (
        id_, conversation_id, parent_id, role, text, parts, created_s, state,
        reasoning, thought_s, model_id, tier, usage, finish, error, dropped_messages, energy, from_cache,
    ) = row  # fmt: skip
    return Node(
        id_,
        conversation_id,
        parent_id,
        Role(role),
        (TextPart(text),) if parts is None else _parts_of(parts, readings),
        created_s,
        NodeState(state),
        siblings,
        reasoning,
        thought_s,
        model_id,
        Tier(tier) if tier else None,
        _USAGE.validate_json(usage) if usage else None,
        FinishReason(finish) if finish else None,
        _ERROR.validate_json(error) if error else None,
        dropped_messages,
        _ENERGY.validate_json(energy) if energy else None,
        bool(from_cache),
    )


def nodes_of(rows: Sequence[Sequence[Any]], readings: Readings) -> list[Node]:
    """All nodes of a conversation, given in order of creation, with their siblings."""
    children: dict[str | None, list[str]] = {}
    for row in rows:
        children.setdefault(row[_PARENT], []).append(row[_ID])
    siblings = {parent: tuple(ids) for parent, ids in children.items()}
    return [node_of(row, siblings[row[_PARENT]], readings) for row in rows]


def branch_of(rows: Sequence[Sequence[Any]], leaf_id: str | None, readings: Readings) -> list[Node]:
    """The nodes from the root to the leaf, out of all rows of a conversation in order of creation."""
    children: dict[str | None, list[str]] = {}
    by_id: dict[str, Sequence[Any]] = {}
    for row in rows:
        children.setdefault(row[_PARENT], []).append(row[_ID])
        by_id[row[_ID]] = row
    branch: list[Node] = []
    while leaf_id is not None and leaf_id in by_id:
        row = by_id[leaf_id]
        branch.append(node_of(row, tuple(children[row[_PARENT]]), readings))
        leaf_id = row[_PARENT]
    return branch[::-1]


def conversation_of(row: sqlite3.Row, *, temporary: bool) -> Conversation:
    """The head of a conversation from its row."""
    return Conversation(
        id=row["id"],
        title=row["title"],
        created_s=row["created_s"],
        updated_s=row["updated_s"],
        temporary=temporary,
        system_prompt=row["system_prompt"],
        leaf_id=row["leaf_id"],
    )
