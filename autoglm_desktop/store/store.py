"""Conversations in SQLite. Every method may be called from any thread; each is one transaction.

Methods raise AppError: NOT_WRITABLE, DISK_FULL, STORE_CORRUPT or BUSY when the file fails, BAD_INPUT when a
conversation or message is not there (any more).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoglm_desktop.core.conversation import Conversation, Node, NodeState, SearchHit
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.perception import ImageReading

from . import images, ledger
from .answering import Answering
from .attachments import Attachments, PrivateAttachments
from .database import mark_suspect, open_file, open_memory
from .failures import told
from .ledger import LedgerBy, LedgerRow, LedgerTurn
from .rows import NODE_COLUMNS, branch_of, conversation_of, images_of, node_of, node_values, nodes_of
from .search import search
from .wiping import STEPS_AT_THE_END, Wiper

log = logging.getLogger(__name__)

_COLUMNS = ", ".join(NODE_COLUMNS)
_NODE = f"SELECT {_COLUMNS} FROM node WHERE id = ?"  # noqa: S608 - made of constants, as all below
_NODES = f"SELECT {_COLUMNS} FROM node WHERE conversation_id = ? ORDER BY seq"  # noqa: S608
_SIBLINGS = "SELECT id FROM node WHERE parent_id IS ? AND conversation_id = ? ORDER BY seq"
_NEWEST_BELOW = """
    WITH RECURSIVE below(id, seq) AS (
        SELECT id, seq FROM node WHERE id = ?
        UNION ALL
        SELECT n.id, n.seq FROM below JOIN node n ON n.parent_id = below.id
    )
    SELECT id FROM below ORDER BY seq DESC LIMIT 1
"""
_INSERT_NODE = f"INSERT INTO node ({_COLUMNS}) VALUES ({', '.join(':' + name for name in NODE_COLUMNS)})"  # noqa: S608
_FINISH_NODE = (
    "UPDATE node SET "  # noqa: S608
    + ", ".join(f"{name} = :{name}" for name in NODE_COLUMNS if name not in ("id", "conversation_id", "parent_id"))
    + " WHERE id = :id"
)


Files = Callable[[ImagePart], bytes | None]


def _no_file(_part: ImagePart) -> bytes | None:
    return None


class Store:
    """The conversations of one file, or with path None of this process alone, in memory.

    `notices` are sentences to show once: a damaged file that was set aside.
    """

    def __init__(self, path: Path | None, *, private: Path | None = None) -> None:
        """Opening marks answers that a crash cut off as interrupted, and purges old deletions.

        Images lie in the folder ``attachments`` beside the file. Without a file they lie in a folder of this process
        within `private` (or the system's for temporary files), which goes when the store is closed.

        Raises AppError STORE_NEWER (the file is left as it is), NOT_WRITABLE, DISK_FULL or BUSY.
        """
        self.path = path
        self._lock = threading.RLock()
        opened = open_memory() if path is None else open_file(path)
        self._connection = opened.connection
        self._wiper = Wiper(None if path is None else opened.connection)
        self.notices: tuple[Text, ...] = opened.notices
        self._answering = None if path is None else Answering.beside(path)
        self.attachments = PrivateAttachments(private) if path is None else Attachments(path.parent / "attachments")
        if path is not None:
            self._clear_what_is_left()

    @property
    def temporary(self) -> bool:
        """Whether nothing of this store reaches the disk."""
        return self.path is None

    def conversations(self) -> list[Conversation]:
        """Newest first, without deleted ones."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM conversation WHERE deleted_s IS NULL ORDER BY updated_s DESC, rowid DESC")
            return [conversation_of(row, temporary=self.temporary) for row in rows]

    def conversation(self, conversation_id: str) -> Conversation:
        """Raises AppError BAD_INPUT when there is none of that id, or it was deleted."""
        with self._reading() as db:
            row = db.execute(
                "SELECT * FROM conversation WHERE id = ? AND deleted_s IS NULL", (conversation_id,)
            ).fetchone()
        if row is None:
            raise _gone(conversation_id)
        return conversation_of(row, temporary=self.temporary)

    def holds(self, conversation_id: str) -> bool:
        """Whether there is a conversation of that id here, deleted or not."""
        with self._reading() as db:
            return db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation_id,)).fetchone() is not None

    def path_of(self, conversation_id: str) -> list[Node]:
        """The shown branch, root first; empty for a conversation without messages, or none of that id."""
        with self._reading() as db:
            head = db.execute("SELECT leaf_id FROM conversation WHERE id = ? AND deleted_s IS NULL", (conversation_id,))
            leaf = head.fetchone()
            rows = _node_rows(db, conversation_id) if leaf else []
            readings = images.readings_in(db, conversation_id, rows)
        return branch_of(rows, leaf["leaf_id"] if leaf else None, readings)

    def tree_of(self, conversation_id: str) -> list[Node]:
        """All nodes in order of creation: a parent before its children."""
        with self._reading() as db:
            rows = _node_rows(db, conversation_id)
            readings = images.readings_in(db, conversation_id, rows)
        return nodes_of(rows, readings)

    def node(self, node_id: str) -> Node:
        """Raises AppError BAD_INPUT when there is none of that id."""
        found = self.find_node(node_id)
        if found is None:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("This message is not there any more ({id}).", id=node_id),
                msg("Open the conversation again."),
            )
        return found

    def find_node(self, node_id: str) -> Node | None:
        """The node, or None when there is none of that id."""
        with self._reading() as db:
            row = db.execute(_NODE, (node_id,)).fetchone()
            if row is None:
                return None
            siblings = db.execute(_SIBLINGS, (row["parent_id"], row["conversation_id"])).fetchall()
            readings = images.readings_in(db, row["conversation_id"], [row])
        return node_of(row, tuple(sibling["id"] for sibling in siblings), readings)

    def newest_leaf_below(self, node_id: str) -> str:
        """The id of the leaf that was added last among the descendants of the node; the node's own if it is a leaf."""
        with self._reading() as db:
            row = db.execute(_NEWEST_BELOW, (node_id,)).fetchone()
        return str(row["id"]) if row else node_id

    def search(self, query: str, limit: int = 50) -> list[SearchHit]:
        """See `store.search`."""
        with self._reading() as db:
            return search(db, query, limit)

    def ledger_turns(self, conversation_id: str | None = None) -> list[LedgerTurn]:
        """The ledger's lines, newest first; of one conversation, or all."""
        with self._reading() as db:
            return ledger.turns(db, conversation_id)

    def ledger_totals(self, by: LedgerBy) -> list[LedgerRow]:
        """Sums per day or per conversation, newest first. Lines of conversations that are gone count together."""
        with self._reading() as db:
            return ledger.totals(db, by)

    def ledger_total(self, conversation_id: str) -> LedgerRow | None:
        """The sum of one conversation, all its branches; None when it has no line."""
        with self._reading() as db:
            return ledger.total_of(db, conversation_id)

    def enter_ledger(self, node: Node) -> None:
        """The line of an answer that belongs to no conversation, such as one over HTTP."""
        with self._writing() as db:
            ledger.enter_alone(db, node)

    def find_reading(self, sha256: str) -> ImageReading | None:
        """What was read in an image of a message here; None when nothing was, or no message has it."""
        with self._reading() as db:
            return images.find_reading(db, sha256)

    def keep_reading(self, sha256: str, reading: ImageReading) -> None:
        """Keep what was read in an image, for every message with it. Nothing happens when none has it."""
        with self._writing() as db:
            images.keep_reading(db, sha256, reading)

    def add_conversation(
        self, conversation: Conversation, nodes: Sequence[Node] = (), *, files: Files = _no_file
    ) -> None:
        """A new conversation with the nodes it begins with, parents first. `files` as in `add_nodes`."""
        with self._writing() as db:
            self._keep_files(nodes, files)
            db.execute(
                "INSERT INTO conversation (id, title, created_s, updated_s, system_prompt, leaf_id)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    conversation.id,
                    conversation.title,
                    conversation.created_s,
                    conversation.updated_s,
                    conversation.system_prompt,
                    conversation.leaf_id,
                ),
            )
            db.executemany(_INSERT_NODE, map(node_values, nodes))
            images.add_references(db, nodes)

    def add_nodes(
        self, conversation_id: str, nodes: Sequence[Node], *, title: str | None = None, files: Files = _no_file
    ) -> None:
        """Add nodes and show the last of them; `title` is set if there is none yet.

        `files` gives the bytes of an image that is not here yet. When this returns, nodes and images are on the disk:
        it waits for the journal to be synchronised. A STREAMING one is this process's until `finish_node`.
        """
        with self._begun(nodes), self._writing(durable=True) as db:
            self._keep_files(nodes, files)
            db.executemany(_INSERT_NODE, map(node_values, nodes))
            images.add_references(db, nodes)
            changed = db.execute(
                "UPDATE conversation SET leaf_id = ?, updated_s = ?,"
                " title = CASE WHEN title = '' THEN coalesce(?, '') ELSE title END"
                " WHERE id = ? AND deleted_s IS NULL",
                (nodes[-1].id, time.time(), title, conversation_id),
            ).rowcount
            if not changed:
                raise _gone(conversation_id)

    def save_partial(self, node: Node) -> None:
        """The text and reasoning of an answer so far. Survives a crash of the process, not of the machine."""
        with self._writing() as db:
            db.execute(
                "UPDATE node SET text = ?, reasoning = ?, thought_s = ? WHERE id = ?",
                (node.text, node.reasoning, node.thought_s, node.id),
            )

    def finish_node(self, node: Node) -> None:
        """The final form of an answer, and its line in the ledger; dropped if its conversation is gone for good."""
        with self._writing(durable=True) as db:
            db.execute(_FINISH_NODE, node_values(node))
            ledger.enter(db, node)
            db.execute("UPDATE conversation SET updated_s = ? WHERE id = ?", (time.time(), node.conversation_id))
        if self._answering is not None:
            self._answering.end(node.id)

    def show(self, conversation_id: str, leaf_id: str) -> None:
        """Make the branch that ends at `leaf_id` the shown one."""
        self._update(conversation_id, "leaf_id = ?", leaf_id)

    def rename(self, conversation_id: str, title: str) -> None:
        self._update(conversation_id, "title = ?", title)

    def set_system_prompt(self, conversation_id: str, system_prompt: str | None) -> None:
        """None: the one of the settings."""
        self._update(conversation_id, "system_prompt = ?", system_prompt)

    def delete(self, conversation_id: str) -> None:
        """Hide it; `restore` brings it back until it is purged."""
        self._update(conversation_id, "deleted_s = ?", time.time())

    def restore(self, conversation_id: str) -> None:
        """Undo `delete`. Raises AppError BAD_INPUT when it was purged."""
        with self._writing() as db:
            changed = db.execute("UPDATE conversation SET deleted_s = NULL WHERE id = ?", (conversation_id,)).rowcount
        if not changed:
            raise _gone(conversation_id)

    def purge(self, conversation_ids: Sequence[str]) -> None:
        """Remove deleted conversations for good; ids that are not deleted are left alone."""
        with self._writing() as db:
            db.executemany(
                "DELETE FROM conversation WHERE id = ? AND deleted_s IS NOT NULL", [(id_,) for id_ in conversation_ids]
            )
        if conversation_ids:
            self._remove_images(lambda unused: unused)
            with self._lock:
                self._wiper.begin()

    def remove_unsent(self) -> None:
        """Remove every image that no message refers to: of a crash before the message, or never sent."""
        self._remove_images(lambda unused: unused | self.attachments.names())

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            self._wiper.go_on(STEPS_AT_THE_END)
            self._connection.close()
        if self._answering is not None:
            self._answering.close()
        self.attachments.close()

    @contextmanager
    def _begun(self, nodes: Sequence[Node]) -> Iterator[None]:
        """Answers that begin with the block are ours before another process can see them, unless it fails."""
        if self._answering is None:
            yield
            return
        streaming = [node.id for node in nodes if node.state is NodeState.STREAMING]
        for node_id in streaming:
            self._answering.begin(node_id)
        try:
            yield
        except BaseException:
            for node_id in streaming:
                self._answering.end(node_id)
            raise

    def _keep_files(self, nodes: Sequence[Node], files: Files) -> None:
        """Put the images of new nodes beside the database, within the transaction that refers to them.

        The lock of the transaction keeps another process from removing them as unused meanwhile.
        """
        for part in (part for node in nodes for part in images_of(node)):
            if self.attachments.read(part.sha256) is None and (data := files(part)) is not None:
                self.attachments.put(data, part.media_type)

    def _clear_what_is_left(self) -> None:
        """At an opening. What cannot be removed must not keep the conversations closed."""
        try:
            with self._reading() as db:
                known = images.known(db)
            if known or self.attachments.names():
                self.remove_unsent()
                with self._writing():  # which keeps other processes from writing meanwhile
                    self.attachments.remove_parts()
        except AppError:
            log.exception("images that nobody needs could not be removed")

    def _remove_images(self, which: Callable[[set[str]], set[str]]) -> None:
        """Remove files that no message refers to: `which` says which, given the images that just lost their last one.

        Files go after the tables forgot them and under the lock of a transaction: a crash in between leaves a file too
        much, which the next opening finds, and never a message without its image.
        """
        with self._writing(durable=True) as db:
            unused = set(images.remove_unused(db))
        with self._writing() as db:
            for sha256 in which(unused) - images.known(db):
                self.attachments.remove(sha256)

    def _update(self, conversation_id: str, assignment: str, value: str | float | None) -> None:
        with self._writing() as db:
            changed = db.execute(
                f"UPDATE conversation SET {assignment} WHERE id = ? AND deleted_s IS NULL",  # noqa: S608 - literals
                (value, conversation_id),
            ).rowcount
        if not changed:
            raise _gone(conversation_id)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._damage_noted(), told(self.path):
            yield self._connection

    @contextmanager
    def _writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. `durable` waits until it is on the disk (https://sqlite.org/pragma.html#pragma_synchronous).

        FULL synchronises the journal at each commit, NORMAL only when it is copied into the file.
        """
        with self._lock, self._damage_noted(), told(self.path):
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            self._wiper.go_on()

    @contextmanager
    def _damage_noted(self) -> Iterator[None]:
        try:
            yield
        except AppError as error:
            if error.report.code is ErrorCode.STORE_CORRUPT and self.path is not None:
                mark_suspect(self.path)
            raise


def _node_rows(db: sqlite3.Connection, conversation_id: str) -> list[tuple[Any, ...]]:
    cursor = db.cursor()
    cursor.row_factory = None  # plain tuples, by position
    return cursor.execute(_NODES, (conversation_id,)).fetchall()


def _gone(conversation_id: str) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("This conversation is not there any more ({id}).", id=conversation_id),
        msg("Choose another one or start a new conversation."),
    )
