"""The clock of the scenario page: plays, pauses, jumps, at a chosen speed."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

SPEEDS = (1, 10, 60, 300, 600, 1800, 3600)
_BEAT_MS = 50


class Player(QObject):
    """`moved` with seconds after the scenario's start, `ended` at its end. While `held()` the time stands still."""

    moved = Signal(float)
    playing_changed = Signal(bool)
    ended = Signal()

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, held: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__()
        self._clock, self._held = clock, held
        self._at_s = self._duration_s = 0.0
        self._last_s = 0.0
        self.speed = 60
        self._timer = QTimer(self, interval=_BEAT_MS)
        self._timer.timeout.connect(self.beat)

    @property
    def at_s(self) -> float:
        return self._at_s

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    def set_duration(self, seconds: float) -> None:
        """Another scenario: from its beginning."""
        self.pause()
        self._duration_s = seconds
        self.jump(0.0)

    def jump(self, at_s: float) -> None:
        """To this moment."""
        self._at_s = min(self._duration_s, max(0.0, at_s))
        self.moved.emit(self._at_s)

    def play(self) -> None:
        """Run; from the beginning again after the end."""
        if self._duration_s <= 0.0:
            return
        if self._at_s >= self._duration_s:
            self.jump(0.0)
        self._last_s = self._clock()
        self._timer.start()
        self.playing_changed.emit(True)

    def pause(self) -> None:
        """Stand still."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def beat(self) -> None:
        """Move on by the time that passed since the last beat."""
        now_s = self._clock()
        passed_s, self._last_s = now_s - self._last_s, now_s
        if self._held():
            return
        self.jump(self._at_s + max(0.0, passed_s) * self.speed)
        if self._at_s >= self._duration_s:
            self.pause()
            self.ended.emit()
