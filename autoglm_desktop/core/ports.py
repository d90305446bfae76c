"""Protocols: what the layers above expect of the parts below. Implementations never import each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .events import EngineStatus, PerceptionEvent, TurnEvent
from .messages import ModelRef, TurnRequest
from .perception import LookRequest, Modality, TranscribeRequest
from .precision import Tier

TurnSink = Callable[[TurnEvent], None]
PerceptionSink = Callable[[PerceptionEvent], None]
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

    def perceive(self, request: LookRequest | TranscribeRequest, sink: PerceptionSink) -> None:
        """Queue a look at an image or a transcription behind the turns; loads the modality if need be.

        The last event that `sink` gets is `ImageRead`, `Transcribed` or `Failed`, whatever happens. `cancel` ends it,
        too: `Failed` with the code CANCELLED.
        """

    def load_modality(self, modality: Modality, model_folder: str | None = None) -> None:
        """Load it ahead of its first use; `model_folder` for speech."""

    def unload_modality(self, modality: Modality) -> None:
        """Give its memory back as soon as nothing uses it. Not loaded: nothing happens."""

    def forget_sessions(self) -> None:
        """Drop every KV cache."""

    def status(self) -> EngineStatus:
        """The latest known state."""

    def watch(self, sink: StatusSink) -> Callable[[], None]:
        """Call `sink` with every change of state; returns a function that ends the watch."""

    def close(self) -> None:
        """End everything: process, thread, pipes. Blocks until they are gone (bounded). Idempotent."""
