"""The energy ledger: a line per answer, and their sums. Functions on an open connection."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.provenance import Provenance

_COLUMNS = (
    "node_id", "conversation_id", "at_s", "day", "model_id", "tier", "phone_id", "prompt_tokens", "cached_tokens",
    "tokens", "phone_j", "measured_j", "estimated_j", "from_cache",
)  # fmt: skip
_NAMES = ", ".join(_COLUMNS)
_ENTER = (
    f"INSERT OR REPLACE INTO ledger ({_NAMES}) "  # noqa: S608 - made of constants, as all below
    f"SELECT {', '.join(':' + name for name in _COLUMNS)} WHERE EXISTS (SELECT 1 FROM node WHERE id = :node_id)"
)
_ENTER_ALONE = f"INSERT INTO ledger ({_NAMES}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608
_LINES = f"""
    SELECT {", ".join("l." + name for name in _COLUMNS)}, coalesce(c.title, '') AS title
    FROM ledger l LEFT JOIN conversation c ON c.id = l.conversation_id
"""  # noqa: S608
_SUMS = """
    count(*) AS turns, sum(l.prompt_tokens) AS prompt_tokens, sum(l.cached_tokens) AS cached_tokens,
    sum(l.tokens) AS tokens, sum(l.phone_j) AS phone_j, sum(l.measured_j) AS measured_j,
    sum(l.estimated_j) AS estimated_j, sum(l.from_cache) AS from_cache, max(l.at_s) AS at_s
"""
_BY_DAY = f"SELECT l.day AS label, NULL AS conversation_id, {_SUMS} FROM ledger l GROUP BY l.day ORDER BY l.day DESC"  # noqa: S608
_BY_CONVERSATION = f"""
    SELECT coalesce(c.title, '') AS label, l.conversation_id AS conversation_id, {_SUMS}
    FROM ledger l LEFT JOIN conversation c ON c.id = l.conversation_id
"""  # noqa: S608


class LedgerBy(StrEnum):
    """What sums are made over."""

    DAY = "day"
    CONVERSATION = "conversation"


@dataclass(frozen=True, slots=True)
class LedgerTurn:
    """One answer. `phone_j` is simulated; `measured_j` and `estimated_j` are this computer's, None where unknown.

    `at_s` is Unix time, `day` the local date then (``2026-11-22``). Ids are None once the conversation is gone.
    """

    node_id: str | None
    conversation_id: str | None
    title: str
    at_s: float
    day: str
    model_id: str | None
    tier: Tier
    phone_id: str
    prompt_tokens: int
    cached_tokens: int
    tokens: int
    phone_j: float
    measured_j: float | None
    estimated_j: float | None
    from_cache: bool

    @property
    def computer_j(self) -> float | None:
        """This computer's joules, measured where they were; None where nothing told."""
        return self.measured_j if self.measured_j is not None else self.estimated_j


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A sum. `label` is the day or the title; the rest as in `LedgerTurn`, `at_s` of the newest line.

    `from_cache` counts answers. Measured and estimated joules are never added to each other; None: no line has any.
    """

    label: str
    conversation_id: str | None
    turns: int
    prompt_tokens: int
    cached_tokens: int
    tokens: int
    phone_j: float
    measured_j: float | None
    estimated_j: float | None
    from_cache: int
    at_s: float


def enter(db: sqlite3.Connection, node: Node) -> None:
    """The line of an answer; once more for the same answer replaces it. Nothing for an answer without energy."""
    if node.energy is not None:
        db.execute(_ENTER, _values(node))


def enter_alone(db: sqlite3.Connection, node: Node) -> None:
    """The line of an answer that belongs to no conversation; nothing for one without energy."""
    if node.energy is not None:
        db.execute(_ENTER_ALONE, {**_values(node), "node_id": None, "conversation_id": None})


def turns(db: sqlite3.Connection, conversation_id: str | None) -> list[LedgerTurn]:
    """Newest first."""
    where, values = ("", ()) if conversation_id is None else (" WHERE l.conversation_id = ?", (conversation_id,))
    return [_turn(row) for row in db.execute(f"{_LINES}{where} ORDER BY l.at_s DESC, l.seq DESC", values)]


def totals(db: sqlite3.Connection, by: LedgerBy) -> list[LedgerRow]:
    """Newest first."""
    if by is LedgerBy.DAY:
        return [_total(row) for row in db.execute(_BY_DAY)]
    return [_total(row) for row in db.execute(f"{_BY_CONVERSATION} GROUP BY l.conversation_id ORDER BY at_s DESC")]


def total_of(db: sqlite3.Connection, conversation_id: str) -> LedgerRow | None:
    """The sum of one conversation."""
    found = db.execute(f"{_BY_CONVERSATION} WHERE l.conversation_id = ? GROUP BY l.conversation_id", (conversation_id,))
    row = found.fetchone()
    return _total(row) if row is not None else None


def _values(node: Node) -> dict[str, Any]:
    energy, usage, now_s = node.energy, node.usage, time.time()
    assert energy is not None
    computer = energy.computer
    joules = computer.value if computer is not None else None
    measured = computer is not None and computer.provenance is Provenance.MEASURED
    return {
        "node_id": node.id,
        "conversation_id": node.conversation_id,
        "at_s": now_s,
        "day": time.strftime("%Y-%m-%d", time.localtime(now_s)),
        "model_id": node.model_id,
        "tier": energy.tier.value,
        "phone_id": energy.phone_id,
        "prompt_tokens": usage.prompt_tokens if usage else 0,
        "cached_tokens": usage.cached_tokens if usage else 0,
        "tokens": energy.tokens,
        "phone_j": energy.phone.value or 0.0,
        "measured_j": joules if measured else None,
        "estimated_j": None if measured else joules,
        "from_cache": int(energy.from_cache),
    }


def _turn(row: sqlite3.Row) -> LedgerTurn:
    values = {name: row[name] for name in (*_COLUMNS, "title")}
    return LedgerTurn(**{**values, "tier": Tier(row["tier"]), "from_cache": bool(row["from_cache"])})


def _total(row: sqlite3.Row) -> LedgerRow:
    return LedgerRow(**{name: row[name] for name in LedgerRow.__slots__})
