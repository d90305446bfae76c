"""The tables, and how a file of an older version becomes one of this version.

Nodes are only added: an edit or a second answer is a sibling. `node.text` is what a person reads (all text parts,
joined) and what search reads; `node.parts` is the JSON of the parts, NULL where that is one text part. A node is in
the search index exactly while its state is not `streaming`, because taking a growing text out of a trigram index and
putting it back twice a second would cost more than the writing itself.

Version 2 adds `node.energy` (JSON of a `TurnEnergy`), `node.from_cache`, and the ledger: one line per answer that cost
something or came from the cache. `ledger.day` is the local date of the answer, `measured_j` and `estimated_j` are this
computer's joules, of which at most one is known.

Version 3 adds images. Their bytes are files beside the database (`attachments`); `node_image` tells which node refers
to which, `image.reading` is the JSON of an `ImageReading`, once for all nodes with that image, and `node.read_text` is
what was read in the images of a node, for search: `node.searched` is what people wrote and what was read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x41474C4D  # "AGLM", https://sqlite.org/fileformat.html#application_id

_V1 = """
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    created_s REAL NOT NULL,
    updated_s REAL NOT NULL,
    system_prompt TEXT,
    leaf_id TEXT REFERENCES node(id) DEFERRABLE INITIALLY DEFERRED,
    deleted_s REAL
);
CREATE INDEX conversation_by_time ON conversation(updated_s);
CREATE INDEX conversation_by_leaf ON conversation(leaf_id);

CREATE TABLE node (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
    parent_id TEXT REFERENCES node(id),
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    parts TEXT,
    created_s REAL NOT NULL,
    state TEXT NOT NULL,
    reasoning TEXT NOT NULL DEFAULT '',
    thought_s REAL NOT NULL DEFAULT 0,
    model_id TEXT,
    tier TEXT,
    usage TEXT,
    finish TEXT,
    error TEXT,
    dropped_messages INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX node_by_parent ON node(parent_id, conversation_id, seq);
CREATE INDEX node_by_conversation ON node(conversation_id, seq);
CREATE INDEX node_streaming ON node(state) WHERE state = 'streaming';

CREATE VIEW node_indexed AS SELECT seq, text FROM node WHERE state <> 'streaming';
CREATE VIRTUAL TABLE node_fts USING fts5(text, content = 'node_indexed', content_rowid = 'seq', tokenize = 'trigram');

CREATE TRIGGER node_added AFTER INSERT ON node WHEN new.state <> 'streaming' BEGIN
    INSERT INTO node_fts(rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER node_removed AFTER DELETE ON node WHEN old.state <> 'streaming' BEGIN
    INSERT INTO node_fts(node_fts, rowid, text) VALUES ('delete', old.seq, old.text);
END;
CREATE TRIGGER node_changed AFTER UPDATE OF text, state ON node BEGIN
    INSERT INTO node_fts(node_fts, rowid, text) SELECT 'delete', old.seq, old.text WHERE old.state <> 'streaming';
    INSERT INTO node_fts(rowid, text) SELECT new.seq, new.text WHERE new.state <> 'streaming';
END;
"""

# One trigger for both halves of a change: SQLite promises no order among triggers of one event.

_V2 = """
ALTER TABLE node ADD COLUMN energy TEXT;
ALTER TABLE node ADD COLUMN from_cache INTEGER NOT NULL DEFAULT 0;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    node_id TEXT UNIQUE REFERENCES node(id) ON DELETE SET NULL,
    conversation_id TEXT REFERENCES conversation(id) ON DELETE SET NULL,
    at_s REAL NOT NULL,
    day TEXT NOT NULL,
    model_id TEXT,
    tier TEXT NOT NULL,
    phone_id TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    phone_j REAL NOT NULL,
    measured_j REAL,
    estimated_j REAL,
    from_cache INTEGER NOT NULL
);
CREATE INDEX ledger_by_conversation ON ledger(conversation_id);
CREATE INDEX ledger_by_day ON ledger(day);
"""

# A line of the ledger outlives its conversation, without a word of it: what a day took does not change by deleting.

_V3 = """
CREATE TABLE image (
    sha256 TEXT PRIMARY KEY,
    reading TEXT
);
CREATE TABLE node_image (
    node_id TEXT NOT NULL REFERENCES node(id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL REFERENCES image(sha256),
    PRIMARY KEY (node_id, sha256)
) WITHOUT ROWID;
CREATE INDEX node_image_by_image ON node_image(sha256);

ALTER TABLE node ADD COLUMN read_text TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN searched TEXT GENERATED ALWAYS AS (
    CASE WHEN read_text = '' THEN text ELSE text || char(10) || read_text END
) VIRTUAL;

DROP VIEW node_indexed;
CREATE VIEW node_indexed AS SELECT seq, searched AS text FROM node WHERE state <> 'streaming';

DROP TRIGGER node_added;
DROP TRIGGER node_removed;
DROP TRIGGER node_changed;
CREATE TRIGGER node_added AFTER INSERT ON node WHEN new.state <> 'streaming' BEGIN
    INSERT INTO node_fts(rowid, text) VALUES (new.seq, new.searched);
END;
CREATE TRIGGER node_removed AFTER DELETE ON node WHEN old.state <> 'streaming' BEGIN
    INSERT INTO node_fts(node_fts, rowid, text) VALUES ('delete', old.seq, old.searched);
END;
CREATE TRIGGER node_changed AFTER UPDATE OF text, state, read_text ON node BEGIN
    INSERT INTO node_fts(node_fts, rowid, text) SELECT 'delete', old.seq, old.searched WHERE old.state <> 'streaming';
    INSERT INTO node_fts(rowid, text) SELECT new.seq, new.searched WHERE new.state <> 'streaming';
END;
"""

# The index of a file of version 2 stays as it is: without anything read, `searched` is `text`.

MIGRATIONS: tuple[str, ...] = (_V1, _V2, _V3)
"""Script n brings a file of version n to n + 1. Never change one that was released: add one."""


def version(connection: sqlite3.Connection) -> int:
    """The version of the file's schema; 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the file to the newest version, each step whole or not at all. Raises sqlite3.Error."""
    for number in range(version(connection), len(migrations)):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {migrations[number]};"
                f" PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number + 1}; COMMIT;"
            )
        finally:
            if connection.in_transaction:
                connection.rollback()
