"""What Markdown becomes: a flat list of leaves. Lists and quotes are places, not containers, so that the last item of a
long list can be laid out again without the rest of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby


class Mark:
    """How a piece of text is set, as bits (plain integers: millions are compared). MATH ones hold LaTeX source."""

    NONE = 0
    BOLD = 1
    ITALIC = 2
    STRIKE = 4
    CODE = 8
    MATH = 16
    DISPLAY_MATH = 32
    LOWERED = 64
    RAISED = 128


@dataclass(frozen=True, slots=True)
class Span:
    """Text of one style; U+2028 is a line break. `href` is http, https or mailto, or empty."""

    text: str
    mark: int = Mark.NONE
    href: str = ""


class MarkerKind(Enum):
    BULLET = "bullet"
    NUMBER = "number"
    TODO = "todo"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Marker:
    kind: MarkerKind
    number: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf stands: levels of lists and of quotes around it; `marker` on the first leaf of a list item."""

    depth: int = 0
    quotes: int = 0
    marker: Marker | None = None


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph, or a heading of `level` 1 to 6."""

    spans: tuple[Span, ...]
    place: Place = field(default_factory=Place)
    level: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    language: str = ""
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class Formula:
    """A displayed formula, as LaTeX source."""

    tex: str
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` with the header first; every row is as wide as `alignments` (``left``, ``center``, ``right`` or empty)."""

    rows: tuple[tuple[tuple[Span, ...], ...], ...]
    alignments: tuple[str, ...]
    place: Place = field(default_factory=Place)


@dataclass(frozen=True, slots=True)
class Rule:
    place: Place = field(default_factory=Place)


Block = Para | Code | Formula | Table | Rule


def merged(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """The same text with neighbours of one style joined and empty ones left out; formulas stay apart."""
    out: list[Span] = []
    styled = groupby((span for span in spans if span.text), lambda span: (span.mark, span.href))
    for (mark, href), group in styled:
        if mark & (Mark.MATH | Mark.DISPLAY_MATH):
            out.extend(group)
        else:
            run = list(group)
            out.append(run[0] if len(run) == 1 else Span("".join(span.text for span in run), mark, href))
    return tuple(out)


def followed(spans: tuple[Span, ...], more: tuple[Span, ...]) -> tuple[Span, ...]:
    """Two runs of merged spans as one, at a cost that does not grow with the first."""
    return (*spans[:-1], *merged((*spans[-1:], *more[:1])), *more[1:])
