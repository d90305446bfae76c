"""Images of nodes in the tables: who refers to which, what was read in them, which ones nobody needs any more.

Every function works within a transaction of its caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.perception import ImageReading

from .rows import has_parts, images_of, read_text, reading_json, reading_of

_OF_CONVERSATION = """
    SELECT sha256, reading FROM image WHERE reading IS NOT NULL AND sha256 IN (
        SELECT ni.sha256 FROM node n JOIN node_image ni ON ni.node_id = n.id WHERE n.conversation_id = ?
    )
"""
_UNUSED = "SELECT sha256 FROM image WHERE sha256 NOT IN (SELECT sha256 FROM node_image)"
_NODES_WITH = "SELECT node_id FROM node_image WHERE sha256 = ?"
_READ_IN = """
    SELECT i.reading FROM node_image ni JOIN image i ON i.sha256 = ni.sha256
    WHERE ni.node_id = ? AND i.reading IS NOT NULL ORDER BY i.sha256
"""


def readings_in(db: sqlite3.Connection, conversation_id: str, rows: Sequence[Sequence[Any]]) -> dict[str, ImageReading]:
    """What was read in the images of a conversation, by hash. Conversations of text alone are not asked about."""
    if not any(map(has_parts, rows)):
        return {}
    return {row["sha256"]: reading_of(row["reading"]) for row in db.execute(_OF_CONVERSATION, (conversation_id,))}


def find_reading(db: sqlite3.Connection, sha256: str) -> ImageReading | None:
    """What was read in the image; None when nothing was, or no node refers to it."""
    row = db.execute("SELECT reading FROM image WHERE sha256 = ?", (sha256,)).fetchone()
    return reading_of(row["reading"]) if row is not None and row["reading"] is not None else None


def add_references(db: sqlite3.Connection, nodes: Iterable[Node]) -> None:
    """Enter the images of new nodes. A reading that a part brings is kept where there is none yet."""
    for node in nodes:
        images = images_of(node)
        for part in images:
            reading = None if part.reading is None else reading_json(part.reading)
            db.execute(
                "INSERT INTO image (sha256, reading) VALUES (?, ?)"
                " ON CONFLICT (sha256) DO UPDATE SET reading = coalesce(image.reading, excluded.reading)",
                (part.sha256, reading),
            )
            db.execute("INSERT OR IGNORE INTO node_image VALUES (?, ?)", (node.id, part.sha256))
        if images:
            _index(db, node.id)


def keep_reading(db: sqlite3.Connection, sha256: str, reading: ImageReading) -> None:
    """Keep what was read, for every node with this image, and for search. Nothing happens when no node has it."""
    if db.execute("UPDATE image SET reading = ? WHERE sha256 = ?", (reading_json(reading), sha256)).rowcount:
        for row in db.execute(_NODES_WITH, (sha256,)).fetchall():
            _index(db, row["node_id"])


def remove_unused(db: sqlite3.Connection) -> list[str]:
    """Forget images that no node refers to; returns their hashes, whose files are to go."""
    unused = [row["sha256"] for row in db.execute(_UNUSED)]
    db.executemany("DELETE FROM image WHERE sha256 = ?", [(sha256,) for sha256 in unused])
    return unused


def known(db: sqlite3.Connection) -> set[str]:
    """The hashes of all images."""
    return {row["sha256"] for row in db.execute("SELECT sha256 FROM image")}


def _index(db: sqlite3.Connection, node_id: str) -> None:
    found = [read_text(reading_of(row["reading"])) for row in db.execute(_READ_IN, (node_id,))]
    text = "\n".join(filter(None, found))
    db.execute("UPDATE node SET read_text = ? WHERE id = ? AND read_text <> ?", (text, node_id, text))
