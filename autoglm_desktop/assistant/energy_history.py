"""The last minutes of the simulated phone, for plots: rows of floats in a ring that is copied out in one piece."""

from __future__ import annotations

from array import array
from dataclasses import fields

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.energy.live import Snapshot
from autoglm_desktop.energy.phone import Flows

from .energy_view import EnergySeries

SPAN_S = 600.0
ROWS = 6000
"""Ten a second for the span."""

_TIERS = list(Tier)
_WATTS = ("idle_j", "screen_j", "radio_j", "decode_j", "prefill_j", "vision_j", "speech_j", "loading_j", "chemical_j")
_COLUMNS = len(fields(EnergySeries))


class History:
    """Not thread-safe. The rows lie in order in a buffer of twice the length; when it is full, the newer half moves."""

    def __init__(self) -> None:
        self._rows = array("d", bytes(8 * _COLUMNS * ROWS * 2))
        self._end = 0

    def __len__(self) -> int:
        return min(self._end, ROWS)

    def add(self, time_s: float, snapshot: Snapshot, tier: Tier) -> None:
        """A row for the last tick; a tick in which the phone did not move adds none. `time_s` is Unix time."""
        flows = snapshot.flows
        if flows is None or flows.dt_s <= 0.0:
            return
        if self._end == 2 * ROWS:
            self._rows[: ROWS * _COLUMNS] = self._rows[ROWS * _COLUMNS :]
            self._end = ROWS
        at = self._end * _COLUMNS
        self._rows[at : at + _COLUMNS] = array("d", _row(time_s, snapshot, flows, tier))
        self._end += 1

    def series(self, span_s: float = SPAN_S) -> EnergySeries:
        """A copy of the rows of the last `span_s` seconds (ten minutes at most), as columns."""
        import numpy as np

        first = max(0, self._end - ROWS)
        flat = np.frombuffer(self._rows, dtype=np.float64)[first * _COLUMNS : self._end * _COLUMNS]
        rows = flat.reshape(-1, _COLUMNS)
        times = rows[:, 0]
        start = int(times.searchsorted(times[-1] - min(span_s, SPAN_S))) if len(times) else 0
        return EnergySeries(*np.ascontiguousarray(rows[start:].T))


def _row(time_s: float, snapshot: Snapshot, flows: Flows, tier: Tier) -> tuple[float, ...]:
    """The values in the order of the fields of `EnergySeries`."""
    watts = (getattr(flows, name) / flows.dt_s for name in _WATTS)
    state = snapshot.state
    return (time_s, *watts, state.soc, state.junction_c, state.body_c, flows.tok_s, float(_TIERS.index(tier)))
