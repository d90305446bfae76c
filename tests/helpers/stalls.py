"""How late the beats of a window's thread come: what a person feels as a stall."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer

BEAT_MS = 2


class Stalls(QTimer):
    """Beats from `begin` to `stop` on its parent's thread; by how much each one is late stands in `gaps_ms`."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self.gaps_ms: list[float] = []
        self._last_ns = 0
        self.timeout.connect(self._beat)

    def begin(self) -> None:
        self._last_ns = time.monotonic_ns()
        self.start()

    def told(self) -> dict[str, float]:
        """How many beats there were, and stalls in milliseconds: at 99.9 % of the beats, and the worst."""
        ordered = sorted(self.gaps_ms)
        worst = {"stall_p999_ms": ordered[int(len(ordered) * 0.999)], "stall_worst_ms": ordered[-1]}
        return {"beats": len(ordered)} | {name: round(gap_ms, 1) for name, gap_ms in worst.items()}

    def _beat(self) -> None:
        now_ns = time.monotonic_ns()
        self.gaps_ms.append(max(0.0, (now_ns - self._last_ns) / 1e6 - BEAT_MS))
        self._last_ns = now_ns
