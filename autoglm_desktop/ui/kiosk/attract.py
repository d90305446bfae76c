"""What the phone shows while nobody is there: a scenario, played fast, again and again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QObject, QTimer

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.scenario import clock_text
from autoglm_desktop.energy.scenario_result import Sample

from .phone_card import Face, PhoneCard

_STEP_MS, _SHOWN = 100, 60


class Attract(QObject):
    """Plays the samples of a run on a phone card; without samples the card keeps what it shows."""

    def __init__(self, phone: PhoneCard, speed: float) -> None:
        """`speed` in simulated seconds per second."""
        super().__init__()
        self._phone, self._speed = phone, speed
        self._samples: Sequence[Sample] = ()
        self._times: list[float] = []
        self._starts_s = self._at_s = 0.0
        self._stored_j: Callable[[float], float] = lambda _: 0.0
        self._wanted = False
        self._timer = QTimer(self, interval=_STEP_MS)
        self._timer.timeout.connect(self.step)

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    def set_samples(self, samples: Sequence[Sample], starts_s: float, stored_j: Callable[[float], float]) -> None:
        """Play these from their beginning.

        `starts_s` is the scenario's start in seconds after midnight; `stored_j` the joules in the cell at a charge.
        """
        self._stored_j = stored_j
        self._samples, self._starts_s, self._at_s = samples, starts_s, 0.0
        self._times = [sample.t_s for sample in samples]
        if self._wanted:
            self.start()

    def start(self) -> None:
        """Begin to play, as soon as there is something."""
        self._wanted = True
        if self._samples:
            self._timer.start()
            self.step()

    def stop(self) -> None:
        """Stand still: the phone card is the visitor's."""
        self._wanted = False
        self._timer.stop()

    def step(self) -> None:
        """Show the next moment; after the last one the first follows."""
        if not self._samples:
            return
        if self._at_s > self._times[-1]:
            self._at_s = 0.0
        here = max(1, bisect_right(self._times, self._at_s))
        self._phone.show_face(self._face(here))
        self._at_s += self._speed * _STEP_MS / 1000.0

    def _face(self, here: int) -> Face:
        sample = self._samples[here - 1]
        watts = [max(0.0, one.cell_w) for one in self._samples[max(0, here - _SHOWN) : here]]
        per_token = sample.decode_w / sample.tok_s if sample.tok_s > 0.0 else None
        return Face(
            sample.soc,
            Tier(sample.tier),
            self._left_s(here),
            sample.cell_w,
            sample.soc_temp_c,
            sample.skin_temp_c,
            per_token,
            np.asarray([0.0] * (_SHOWN - len(watts)) + watts),
            tr("A day in fast motion: {time}", time=clock_text(self._starts_s + sample.t_s)),
        )

    def _left_s(self, here: int) -> float | None:
        """When the phone goes off in the run; where it does not, how long the charge lasts at the last hour's watts."""
        sample, recent = self._samples[here - 1], self._samples[max(0, here - _SHOWN) : here]
        off_s = next((one.t_s for one in self._samples[here:] if one.soc <= 0.0 or one.down), None)
        if off_s is not None:
            return off_s - sample.t_s
        mean_w = sum(one.cell_w for one in recent) / len(recent)
        return self._stored_j(sample.soc) / mean_w if mean_w > 0.0 else None
