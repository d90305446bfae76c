"""Events of an engine, recorded on its thread and waited for on the test's."""

from __future__ import annotations

import threading
from collections.abc import Callable

from autoglm_desktop.core.events import (
    EngineStatus,
    Failed,
    Finished,
    PerceptionEvent,
    Phase,
    PhaseChanged,
    ReasoningDelta,
    TextDelta,
    TurnEvent,
)
from autoglm_desktop.core.perception import ImageRead, Transcribed

WAIT_S = 30.0


class Recorder:
    """A sink for turns and statuses."""

    def __init__(self) -> None:
        self.events: list[TurnEvent | PerceptionEvent] = []
        self.statuses: list[EngineStatus] = []
        self.threads: set[str] = set()
        self._arrival = threading.Condition()

    def __call__(self, event: TurnEvent | PerceptionEvent) -> None:
        with self._arrival:
            self.threads.add(threading.current_thread().name)
            self.events.append(event)
            self._arrival.notify_all()

    def on_status(self, status: EngineStatus) -> None:
        with self._arrival:
            self.statuses.append(status)
            self._arrival.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until `condition` holds; fails after half a minute."""
        with self._arrival:
            if not self._arrival.wait_for(condition, WAIT_S):
                raise TimeoutError(f"{self.events[-5:]} {self.statuses[-3:]}")

    def last(self, turn_id: str) -> Finished | Failed:
        """How the turn ended, once it has."""

        def ended() -> list[Finished | Failed]:
            return [e for e in self.events if isinstance(e, Finished | Failed) and e.turn_id == turn_id]

        self.wait(lambda: bool(ended()))
        (last,) = ended()
        return last

    def perceived(self, turn_id: str) -> ImageRead | Transcribed | Failed:
        """How the look or the transcription ended, once it has."""

        def ended() -> list[ImageRead | Transcribed | Failed]:
            return [e for e in self.events if isinstance(e, ImageRead | Transcribed | Failed) and e.turn_id == turn_id]

        self.wait(lambda: bool(ended()))
        (last,) = ended()
        return last

    def text(self, turn_id: str) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TextDelta) and e.turn_id == turn_id)

    def reasoning(self, turn_id: str) -> str:
        return "".join(e.text for e in self.events if isinstance(e, ReasoningDelta) and e.turn_id == turn_id)

    def phases(self, turn_id: str) -> list[Phase]:
        """The phases in order, each once in a row."""
        all_phases = [e.phase for e in self.events if isinstance(e, PhaseChanged) and e.turn_id == turn_id]
        return [p for n, p in enumerate(all_phases) if n == 0 or all_phases[n - 1] is not p]
