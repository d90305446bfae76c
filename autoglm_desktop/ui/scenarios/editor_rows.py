"""Lines of the scenario form: a section of the file as cells, and cells as a section again.

Each line remembers the section that it was made of, wherever it moves: what has no cell is kept from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableWidget, QTableWidgetItem

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.energy.scenario import Conversation, Phase, Random

_NETWORK = msg("Network (yes/no)")
PHASES = (
    msg("Begin"),
    msg("End"),
    msg("°C around it"),
    msg("Charger (yes/no)"),
    msg("Screen, 0 to 1"),
    msg("Standby (yes/no)"),
    _NETWORK,
)
WORK = (
    msg("Begin"),
    msg("End"),
    msg("Conversations per hour"),
    msg("Answer tokens, least"),
    msg("Answer tokens, most"),
)
TALKS = (
    msg("Begin"),
    msg("Questions"),
    msg("Seconds between them"),
    msg("Question tokens"),
    msg("Answer tokens"),
)
Section = Phase | Random | Conversation
Row = tuple[Sequence[str], Section | None]


def section_table(names: Sequence[Text], lines: Sequence[tuple[Section, Sequence[str]]]) -> QTableWidget:
    """A table with a line for each section."""
    made = QTableWidget(len(lines), len(names))
    made.setHorizontalHeaderLabels([str(name) for name in names])
    made.verticalHeader().hide()
    for column, name in enumerate(names):
        header = made.horizontalHeaderItem(column)
        if name is _NETWORK and header is not None:
            header.setToolTip(tr("A run answers every question on the phone: the network changes none of its figures."))
    for place, (section, cells) in enumerate(lines):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, section)
            made.setItem(place, column, item)
    made.resizeColumnsToContents()
    return made


def rows(table: QTableWidget) -> list[tuple[list[str], Any]]:
    """The cells of every line that is not empty, with the section that it was made of; None for a new line."""
    found = []
    for row in range(table.rowCount()):
        items = [table.item(row, column) for column in range(table.columnCount())]
        cells = [item.text().strip() if item is not None else "" for item in items]
        kept = (item.data(Qt.ItemDataRole.UserRole) for item in items if item is not None)
        if any(cells):
            found.append((cells, next((section for section in kept if section is not None), None)))
    return found


def phase_cells(phase: Phase) -> list[str]:
    return [
        clock_words(phase.begin),
        clock_words(phase.end),
        "" if phase.ambient_c is None else _plain(phase.ambient_c),
        _yes(phase.plugged),
        _plain(phase.screen),
        _yes(phase.asleep),
        _yes(phase.network),
    ]


def phase_of(cells: Sequence[str], old: Phase | None) -> dict[str, Any]:
    """Raises AppError BAD_INPUT, as the others do, for a cell that should be a number, or yes or no, and is none."""
    begin, end, ambient, plugged, screen, asleep, network = cells
    table = _kept(old, "begin", "end", "ambient_c", "plugged", "screen", "asleep", "network")
    if ambient:
        table["ambient_c"] = _number(ambient)
    return table | {
        "begin": begin,
        "end": end,
        "plugged": _is_yes(plugged),
        "screen": _number(screen or "0"),
        "asleep": _is_yes(asleep),
        "network": _is_yes(network or _yes(True)),
    }


def work_cells(section: Random) -> list[str]:
    least, most = section.answer_tok
    return [clock_words(section.begin), clock_words(section.end), _plain(section.per_hour), str(least), str(most)]


def work_of(cells: Sequence[str], old: Random | None) -> dict[str, Any]:
    begin, end, per_hour, least, most = cells
    answer_tok = [_whole(least or "60"), _whole(most or "260")]
    table = _kept(old, "begin", "end", "per_hour", "answer_tok")
    return table | {"begin": begin, "end": end, "per_hour": _number(per_hour), "answer_tok": answer_tok}


def talk_cells(talk: Conversation) -> list[str]:
    sizes = (talk.turns, talk.gap_s, talk.prompt_tok, talk.answer_tok)
    return [clock_words(talk.at), *(_plain(size) for size in sizes)]


def talk_of(cells: Sequence[str], old: Conversation | None) -> dict[str, Any]:
    at, turns, gap, prompt, answer = cells
    return _kept(old, "at", "turns", "gap_s", "prompt_tok", "answer_tok") | {
        "at": at,
        "turns": _whole(turns or "1"),
        "gap_s": _number(gap or "60"),
        "prompt_tok": _whole(prompt or "60"),
        "answer_tok": _whole(answer or "150"),
    }


def clock_words(seconds: float) -> str:
    """``HH:MM`` or ``HH:MM:SS`` with hours beyond 24 for the next days, as scenario files have it."""
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{left:02d}" if left else "")


def _kept(old: Section | None, *shown: str) -> dict[str, Any]:
    """What the section says and the form does not show."""
    kept = {} if old is None else old.model_dump(exclude=set(shown), exclude_none=True)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


def _plain(value: float) -> str:
    """Short where that is exact."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise AppError(
            ErrorCode.BAD_INPUT, msg("“{text}” is not a number.", text=text), msg("Correct it, then save again.")
        ) from error


def _whole(text: str) -> float:
    """A whole number as one; any other is left for the check of the scenario, which names its key."""
    value = _number(text)
    return int(value) if value.is_integer() else value


def _yes(value: bool) -> str:
    return tr("yes") if value else tr("no")


def _is_yes(text: str) -> bool:
    """An empty cell is a no."""
    word = text.lower()
    if word in {tr("yes"), "yes", "y", "true", "1", "是"}:
        return True
    if word in {tr("no"), "no", "n", "false", "0", "否", ""}:
        return False
    raise AppError(
        ErrorCode.BAD_INPUT,
        msg("“{text}” is neither “{yes}” nor “{no}”.", text=text, yes=_yes(True), no=_yes(False)),
        msg("Correct it, then save again."),
    )
