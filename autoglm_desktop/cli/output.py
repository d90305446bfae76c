"""What goes where: results to standard output, everything else (progress, notices, errors) to standard error."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from autoglm_desktop.core.i18n import Text

PROGRAM = "autoglm-desktop"
MB = 1e6
"""Megabytes in every result are 10^6 bytes."""


def stderr_console() -> Console:
    """For people only: colours and motion where standard error is a terminal, plain lines elsewhere."""
    return Console(stderr=True, highlight=False)


def tell(*sentences: Text | str) -> None:
    """One line on standard error."""
    print(f"{PROGRAM}:", *sentences, file=sys.stderr)


def print_json(result: Mapping[str, object]) -> None:
    """The one JSON object of a command, in UTF-8 whatever the terminal speaks."""
    line = json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def print_text(text: str, *, end: str = "\n") -> None:
    """Text that came from outside. On a terminal, control characters are dropped: they could steer it."""
    shown = harmless(text) if sys.stdout.isatty() else text
    print(shown, end=end, flush=True)


def harmless(text: str) -> str:
    """`text` without control characters other than newline and tab."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows below headings. Folded where a terminal is narrow, as wide as it takes elsewhere."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(harmless(cell) for cell in row))
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 400).print(table)


def as_size(size_bytes: int) -> str:
    """``491 MB``, ``1.2 GB``."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / MB:.0f} MB"
