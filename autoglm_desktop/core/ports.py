"""Protocols: what the layers above expect of the parts below. Implementations never import each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .events import EngineStatus, TurnEvent
from .messages import ModelRef, TurnRequest
from .precision import Tier

TurnSink = Callable[[TurnEvent], None]
StatusSink = Callable[[EngineStatus], None]


class Engine(Protocol):
    """Makes answers. Every method may be called from any thread and returns at once.

    Sinks are called on the engine's one worker thread, in order; they must be quick and must not raise.
    """

    def submit(self, request: TurnRequest, sink: TurnSink) -> None:
        """Queue a turn. The last event that `sink` gets is `Finished` or `Failed`, whatever happens."""

    def cancel(self, turn_id: str) -> None:
        """Stop a turn within a token or prefill chunk: `Finished(CANCELLED)`. Unknown ids are ignored."""

    def set_tier(self, tier: Tier) -> None:
        """Switch the running turn, if any, between two tokens; else the loaded model. Conversations are kept.

        Turns that wait are made in this tier too, whatever their request says.
        """

    def preload(self, model: ModelRef, tier: Tier) -> None:
        """Start the process and load, so that the first answer does not wait."""

    def unload(self) -> None:
        """Give all memory back once the current turn is over."""

    def forget_sessions(self) -> None:
        """Drop every KV cache."""

    def status(self) -> EngineStatus:
        """The latest known state."""

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        """Call `sink` with every change of state; returns a function that ends the watch."""

    def close(self) -> None:
        """End everything: process, thread, pipes. Blocks until they are gone (bounded). Idempotent."""
