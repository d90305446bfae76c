"""The energy ledger for people: lines and sums of kept conversations, and a CSV file of them.

Temporary conversations are summed as long as they live, and leave neither a line on the disk nor one in the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import atomic_write
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.store.ledger import LedgerBy, LedgerRow, LedgerTurn

from .shelf import Shelf

CSV_COLUMNS = (
    "time", "day", "conversation", "answer_id", "model", "tier", "phone", "prompt_tokens", "reused_tokens",
    "completion_tokens", "from_cache", "phone_j", "phone_label", "computer_j", "computer_label",
)  # fmt: skip
"""Times are local with their offset (ISO 8601), energies joules with their provenance beside them."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Ledger:
    """Callable from any thread. Methods raise what the store raises; see there."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def turns(self, conversation_id: str | None = None) -> list[LedgerTurn]:
        """A line per answer, newest first: of one conversation (a temporary one too), or of all kept ones."""
        store = self._shelf.kept if conversation_id is None else self._shelf.of_conversation(conversation_id)
        return store.ledger_turns(conversation_id)

    def days(self) -> list[LedgerRow]:
        """A sum per local day, newest first; `label` is the date."""
        return self._shelf.kept.ledger_totals(LedgerBy.DAY)

    def conversations(self) -> list[LedgerRow]:
        """A sum per conversation, newest first; those that are gone are one line without an id."""
        return self._shelf.kept.ledger_totals(LedgerBy.CONVERSATION)

    def of_conversation(self, conversation_id: str) -> LedgerRow | None:
        """The sum of all branches of one conversation, a temporary one too; None without any line."""
        return self._shelf.of_conversation(conversation_id).ledger_total(conversation_id)

    def export_csv(self, path: Path) -> int:
        """Write all kept lines, oldest first, for spreadsheets (RFC 4180); whole or not at all.

        Returns the number of lines. Raises AppError NOT_WRITABLE when the file cannot be written.
        """
        turns = self.turns()[::-1]
        try:
            _write(path, turns)
        except OSError as error:
            raise AppError(
                ErrorCode.NOT_WRITABLE,
                msg("The file {path} could not be written.", path=str(path)),
                msg("Choose another place, or free some space."),
                details=str(error),
            ) from error
        return len(turns)


def _rows(turns: Iterable[LedgerTurn]) -> Iterable[tuple[object, ...]]:
    for turn in turns:
        measured = turn.measured_j is not None
        joules = turn.measured_j if measured else turn.estimated_j
        label = "" if joules is None else "measured" if measured else "estimated"
        yield (
            datetime.fromtimestamp(turn.at_s).astimezone().isoformat(timespec="seconds"), turn.day, _inert(turn.title),
            turn.node_id or "", turn.model_id or "", turn.tier.value, turn.phone_id, turn.prompt_tokens,
            turn.cached_tokens, turn.tokens, int(turn.from_cache), f"{turn.phone_j:.3f}", "simulated",
            "" if joules is None else f"{joules:.3f}", label,
        )  # fmt: skip


def _inert(title: str) -> str:
    """A title that a spreadsheet does not take for a formula."""
    return "'" + title if title.startswith(_FORMULA_STARTS) else title


def _write(path: Path, turns: Iterable[LedgerTurn]) -> None:
    """The encoding has a mark in front: spreadsheets take a file without it for another encoding."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_rows(turns))
    atomic_write(path, text.getvalue().encode("utf-8-sig"), private=False)
