"""Finding conversations by what was said in them, in any script.

Words of three characters and more use the trigram index; shorter ones (most Chinese words) are compared with LIKE.
Every word must occur in the same message (what was read in its images counts), or every one in the title.
"""

from __future__ import annotations

import re
import sqlite3

from autoglm_desktop.core.conversation import SearchHit

from .rows import conversation_of

MARK_START, MARK_END = "\x02", "\x03"

_INDEXED_LENGTH = 3  # https://sqlite.org/fts5.html#the_trigram_tokenizer
_BEFORE, _AFTER = 30, 90  # characters of context around the first match

_BY_INDEX = """
    SELECT n.conversation_id AS conversation_id, max(n.seq) AS seq
    FROM node_fts f JOIN node n ON n.seq = f.rowid
    WHERE node_fts MATCH :match {likes}
    GROUP BY n.conversation_id
"""
_BY_SCAN = """
    SELECT id AS conversation_id, (
        SELECT n.seq FROM node n
        WHERE n.conversation_id = conversation.id AND n.state <> 'streaming' {likes}
        ORDER BY n.seq DESC LIMIT 1
    ) AS seq
    FROM conversation WHERE deleted_s IS NULL
"""
_HITS = """
    SELECT c.*, n.id AS node_id, n.searched AS node_text
    FROM conversation c LEFT JOIN ({found}) hit ON hit.conversation_id = c.id LEFT JOIN node n ON n.seq = hit.seq
    WHERE c.deleted_s IS NULL AND (n.seq IS NOT NULL OR ({titles}))
    ORDER BY c.updated_s DESC, c.rowid DESC LIMIT :limit
"""


def search(connection: sqlite3.Connection, query: str, limit: int) -> list[SearchHit]:
    """Conversations that match, newest first, each with its newest matching message (None: only the title matches)."""
    words = query.replace("\x00", " ").split()
    if not words:
        return []
    parameters: dict[str, str | int] = {"limit": limit}
    for number, word in enumerate(words):
        parameters[f"w{number}"] = f"%{_like(word)}%"
    long = [word for word in words if len(word) >= _INDEXED_LENGTH]
    short = [number for number, word in enumerate(words) if len(word) < _INDEXED_LENGTH]
    if long:
        parameters["match"] = " AND ".join(_phrase(word) for word in long)
        found = _BY_INDEX.format(likes=_likes("n.searched", short))
    else:
        found = _BY_SCAN.format(likes=_likes("n.searched", short))
    titles = _likes("c.title", list(range(len(words)))).removeprefix("AND ")
    rows = connection.execute(_HITS.format(found=found, titles=titles), parameters)
    return [_hit(row, words) for row in rows]


def excerpt(text: str, words: list[str]) -> str:
    """The surroundings of the first match on one line, matches between U+0002 and U+0003."""
    clean = " ".join(text.replace(MARK_START, " ").replace(MARK_END, " ").split())
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)
    first = pattern.search(clean)
    middle = first.start() if first else 0
    start, end = max(0, middle - _BEFORE), middle + _AFTER
    marked = pattern.sub(lambda match: f"{MARK_START}{match[0]}{MARK_END}", clean[start:end])
    return ("…" if start else "") + marked + ("…" if end < len(clean) else "")


def _hit(row: sqlite3.Row, words: list[str]) -> SearchHit:
    text = row["title"] if row["node_id"] is None else row["node_text"]
    return SearchHit(conversation_of(row, temporary=False), row["node_id"], excerpt(text, words))


def _phrase(word: str) -> str:
    doubled = word.replace('"', '""')
    return f'"{doubled}"'


def _like(word: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", word)


def _likes(column: str, numbers: list[int]) -> str:
    return " ".join(f"AND {column} LIKE :w{number} ESCAPE '\\'" for number in numbers)
