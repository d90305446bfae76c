"""Telling reasoning from answer while the text streams: a small state machine over ``<think>`` and ``</think>``.

START ──<think>──> THINKING ──</think> or close()──> BREAK ──text──> ANSWER
  └──────────────────── any other text ─────────────────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from autoglm_desktop.core.stops import held_length

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"


class _State(Enum):
    START = auto()
    """Only whitespace so far: a mark may follow."""
    THINKING = auto()
    BREAK = auto()
    """Thinking is over; empty lines before the answer belong to neither, and a second opening mark is dropped."""
    ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that belongs to one of the two."""

    text: str
    reasoning: bool


class ThoughtSplitter:
    """Splits streamed text. Marks may be cut anywhere; they are never part of a piece."""

    def __init__(self, *, thinking: bool) -> None:
        """`thinking`: the prompt ended where the reasoning begins."""
        self._state = _State.THINKING if thinking else _State.START
        self._thought = False
        self._held = ""

    def in_thought(self) -> bool:
        return self._state is _State.THINKING

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are certain now, in order; none is empty."""
        self._held += text
        pieces: list[Piece] = []
        while self._step(pieces):
            continue
        return pieces

    def close(self) -> list[Piece]:
        """End the thinking from outside (its budget is used up): what was held back and is no mark belongs to it."""
        certain = len(self._held) - held_length(self._held, (THINK_CLOSE,))
        rest, self._held = self._held[:certain].rstrip(), ""
        self._state = _State.BREAK
        return [Piece(rest, reasoning=True)] if rest else []

    def finish(self) -> list[Piece]:
        """What is left at the end of the text."""
        if self.in_thought():
            return self.close()
        rest, self._held = self._held, ""
        return [Piece(rest, reasoning=False)] if rest else []

    def _step(self, pieces: list[Piece]) -> bool:
        """Advance as far as one state goes; False when more text is needed."""
        match self._state:
            case _State.START:
                return self._leave_start()
            case _State.THINKING:
                return self._think(pieces)
            case _State.BREAK:
                return self._leave_break()
            case _State.ANSWER:
                _append(pieces, self._held, reasoning=False)
                self._held = ""
                return False

    def _leave_start(self) -> bool:
        text = self._held.lstrip()
        if text.startswith(THINK_OPEN):
            self._state, self._held = _State.THINKING, text[len(THINK_OPEN) :]
            return True
        if THINK_OPEN.startswith(text):
            return False
        self._state = _State.ANSWER
        return True

    def _leave_break(self) -> bool:
        self._held = self._held.lstrip().removeprefix(THINK_OPEN).lstrip()
        if THINK_OPEN.startswith(self._held):
            return False
        self._state = _State.ANSWER
        return True

    def _think(self, pieces: list[Piece]) -> bool:
        if not self._thought:
            self._held = self._held.lstrip().removeprefix(THINK_OPEN).lstrip()
            if THINK_OPEN.startswith(self._held):
                return False
        thought, mark, rest = self._held.partition(THINK_CLOSE)
        if mark:
            _append(pieces, thought.rstrip(), reasoning=True)
            self._state, self._held = _State.BREAK, rest
            return True
        certain = len(thought) - held_length(thought, (THINK_CLOSE,))
        certain = len(thought[:certain].rstrip())
        self._thought = self._thought or certain > 0
        _append(pieces, thought[:certain], reasoning=True)
        self._held = thought[certain:]
        return False


def _append(pieces: list[Piece], text: str, *, reasoning: bool) -> None:
    if text:
        pieces.append(Piece(text, reasoning))
