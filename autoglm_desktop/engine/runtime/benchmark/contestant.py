"""What is measured of a contestant, and how: the same for ours and for every peer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Round:
    """One prompt and its greedy continuation. Seconds; the first new token belongs to the prefill."""

    prefill_s: float
    decode_s: float


class Contestant(Protocol):
    """A loaded model. Greedy; ends of text are ignored, so that everyone decodes the same number of tokens."""

    @property
    def weights_bytes(self) -> int: ...

    def run(self, prompt: Sequence[int], new_tokens: int) -> Round:
        """From an empty cache: read `prompt`, decode `new_tokens`."""

    def first_token(self, history: Sequence[int], turn: Sequence[int]) -> tuple[float, float]:
        """Seconds to the first token after `history` + `turn`: from an empty cache, and with `history` cached."""
