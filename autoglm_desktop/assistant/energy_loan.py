"""A phone of a scenario's in the place of the user's, for as long as it is shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from autoglm_desktop.energy.live import LivePhone
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import Profile
from autoglm_desktop.energy.scenario_result import Sample

from .energy_desk import Desk


class Loan:
    """Made by `EnergyService.lend`. The user's phone stands still meanwhile and comes back as it was left, with their
    policy and goal. Every method may be called from any thread.
    """

    def __init__(
        self,
        desk: Desk,
        moved: Callable[[], AbstractContextManager[None]],
        profile: Profile,
        policy: Policy,
        on_end: Callable[[], None],
    ) -> None:
        """`moved` holds the lock for a change and decides after it."""
        self._desk, self._moved, self._on_end = desk, moved, on_end
        with moved():
            self._owner = desk.lend(LivePhone(profile, soc=desk.snapshot.state.soc), policy)
        self._over = False

    def place(self, sample: Sample, screen: float) -> None:
        """Bring the phone to where a run's phone is."""
        with self._moved():
            state = self._desk.snapshot.state._replace(
                soc=sample.soc,
                v_rc=0.0,
                junction_c=sample.soc_temp_c,
                spreader_c=sample.spreader_temp_c,
                body_c=sample.skin_temp_c,
                status=sample.status,
                down=sample.down,
            )
            self._desk.phone.put(state)
            self._surround(sample, screen)

    def surround(self, sample: Sample, screen: float) -> None:
        """Only what surrounds it: it drains and heats by itself."""
        with self._moved():
            self._surround(sample, screen)

    def skip(self, seconds: float) -> None:
        """Let so much more time pass for it than passes here."""
        with self._moved():
            self._desk.skip(seconds)

    def end(self) -> None:
        """Give the user's phone back. Idempotent."""
        if not self._over:
            self._over = True
            with self._moved():
                self._desk.take_back(self._owner)
            self._on_end()

    def _surround(self, sample: Sample, screen: float) -> None:
        self._desk.phone.set_conditions(ambient_c=sample.ambient_c, plugged=sample.plugged, screen=screen)
        self._desk.governor.set_by_hand()
