"""Energy services under a clock of the test's own, on a computer without sensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.core.events import Finished, FinishReason, Memory, TextDelta, Usage
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.telemetry import Gpu, ThisComputer

NO_GPU = msg("There is no graphics card in this test.")
WALL_S = 1_790_000_000.0


@dataclass(slots=True)
class Clock:
    """A monotonic clock that stands still until it is moved."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def wall(self) -> float:
        """Unix time beside it."""
        return WALL_S + self.now_s


@dataclass(slots=True)
class Card:
    """A graphics card that counts joules; the test moves its counter."""

    joules: float = 100.0
    celsius: float = 50.0

    def temperature_c(self) -> float:
        return self.celsius

    def power_w(self) -> float:
        return 30.0

    def energy_j(self) -> float:
        return self.joules


def bare_computer(gpu: Gpu | None = None) -> ThisComputer:
    """A computer with no energy counter, and no graphics card but the given one."""
    return ThisComputer(powercap=Path("/nonexistent-powercap"), gpu=gpu or NO_GPU)


def service_at(
    clock: Clock, settings: Settings | None = None, *, gpu: Gpu | None = None, own_phones: Path | None = None
) -> EnergyService:
    """A service that nobody has started: it moves when the test moves it."""
    return EnergyService(
        settings=settings or Settings(),
        computer=bare_computer(gpu),
        clock=clock,
        wall=clock.wall,
        own_phones=own_phones,
    )


def pass_time(service: EnergyService, clock: Clock, seconds: float, step_s: float = 1.0) -> None:
    """Beats, as the thread would do them."""
    for _ in range(round(seconds / step_s)):
        clock.now_s += step_s
        service.beat()


def usage_in(tier: Tier, *, prompt: int = 100, cached: int = 60, completion: int = 20, load_s: float = 0.0) -> Usage:
    """What a small turn used; the times do not matter."""
    return Usage(prompt, cached, completion, 0, load_s, 0.2, 0.1, 1.0, tier, 1, 4096, Memory(1, 1, 1))


def take_turn(service: EnergyService, tier: Tier, usage: Usage | None = None) -> None:
    """A whole turn, token by token, at the moment at which the clock stands."""
    meter = service.begin(tier)
    usage = usage or usage_in(tier)
    for _ in range(usage.completion_tokens):
        service.take(meter, TextDelta("t", "x"))
    service.take(meter, Finished("t", FinishReason.STOP, usage))
    service.end(meter)


def answer_cap(service: EnergyService) -> int | None:
    """The bound of new tokens that the governor decided."""
    return service.decision.max_new_tokens


def log_of(service: EnergyService) -> list[str]:
    """The lines of the log in English, oldest first."""
    return [line.text.english() for line in service.view().log]
