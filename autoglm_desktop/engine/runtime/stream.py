"""From the tokens of an answer to what is shown: whole characters, reasoning told apart, stop strings cut off."""

from __future__ import annotations

from collections.abc import Iterable

from autoglm_desktop.core.stops import StopScanner
from autoglm_desktop.core.thinking import Piece, ThoughtSplitter

from .detokenize import Detokenizer
from .prompt import TokenizerBundle


class OutputStream:
    """The stages in a row. Stop strings count in the answer only, not in the reasoning.

    Where the turns of a model end with a text (`TokenizerBundle.end_texts`), that is taken out first.
    """

    def __init__(self, bundle: TokenizerBundle, stops: Iterable[str], *, thinking: bool) -> None:
        self._characters = Detokenizer(bundle)
        self._end_texts = bundle.end_texts
        self._ends = StopScanner(self._end_texts)
        self._splitter = ThoughtSplitter(thinking=thinking)
        self._stops = StopScanner(stops)

    def in_thought(self) -> bool:
        """Whether what comes next belongs to the reasoning, as far as is known."""
        return self._splitter.in_thought()

    @property
    def stopped(self) -> bool:
        """A stop string ended the answer."""
        return self._stops.stopped

    @property
    def ended(self) -> bool:
        """The model ended its turn with a text."""
        return self._ends.stopped

    def feed(self, token: int) -> list[Piece]:
        return self._scan(self._splitter.feed(self._ends.feed(self._characters.feed(token))))

    def close_thought(self) -> list[Piece]:
        """End the reasoning now; the next token belongs to the answer."""
        pieces = self._splitter.feed(self._rest())
        self._ends = StopScanner(self._end_texts)
        return self._scan([*pieces, *self._splitter.close()])

    def finish(self) -> list[Piece]:
        """Everything that was held back, at the end of the answer."""
        pieces = [*self._splitter.feed(self._rest()), *self._splitter.finish()]
        shown = self._scan(pieces)
        held = self._stops.finish()
        return [*shown, Piece(held, reasoning=False)] if held else shown

    def _rest(self) -> str:
        return self._ends.feed(self._characters.finish()) + self._ends.finish()

    def _scan(self, pieces: Iterable[Piece]) -> list[Piece]:
        scanned = [p if p.reasoning else Piece(self._stops.feed(p.text), reasoning=False) for p in pieces]
        return [piece for piece in scanned if piece.text]
