"""What an endpoint said, told apart: reasoning, answer, and where it ends.

A service without a reasoning parser sends the model's own marks as text. AutoGLM writes ``<think>…</think>`` and puts
what follows between ``<answer>`` and ``</answer>``.
"""

from __future__ import annotations

from collections.abc import Iterable

from autoglm_desktop.core.stops import StopScanner
from autoglm_desktop.core.thinking import Piece, ThoughtSplitter

ANSWER_OPEN = "<answer>"
ANSWER_CLOSE = "</answer>"


class Spoken:
    """Feed it what comes; it gives what may be shown. Stop strings count in the answer only."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._splitter = ThoughtSplitter(thinking=False)
        self._stops = StopScanner(stops)
        self._thought = False
        self._held: str | None = ""
        """The beginning of the answer while it may be its mark; None after it."""
        self._end = StopScanner(())

    @property
    def stopped(self) -> bool:
        """A stop string ended the answer."""
        return self._stops.stopped

    def feed(self, *, reasoning: str, text: str) -> list[Piece]:
        self._thought = self._thought or bool(reasoning)
        thought = [Piece(reasoning, reasoning=True)] if reasoning else []
        return [*thought, *self._shown(self._splitter.feed(text))]

    def finish(self) -> list[Piece]:
        """What was held back, at the end of the stream."""
        pieces = self._shown(self._splitter.finish())
        held, self._held = self._held or "", None
        rest = self._stops.feed(held + self._end.finish()) + self._stops.finish()
        return [*pieces, Piece(rest, reasoning=False)] if rest else pieces

    def _shown(self, pieces: Iterable[Piece]) -> list[Piece]:
        found: list[Piece] = []
        for piece in pieces:
            self._thought = self._thought or piece.reasoning
            text = piece.text if piece.reasoning else self._stops.feed(self._unwrapped(piece.text))
            if text:
                found.append(Piece(text, piece.reasoning))
        return found

    def _unwrapped(self, text: str) -> str:
        """Without the marks around an answer that follows a thought."""
        if self._held is not None and self._thought:
            text = (self._held + text).lstrip()
            if ANSWER_OPEN.startswith(text):
                self._held = text
                return ""
            if text.startswith(ANSWER_OPEN):
                text, self._end = text[len(ANSWER_OPEN) :], StopScanner((ANSWER_CLOSE,))
        self._held = None
        return self._end.feed(text)
