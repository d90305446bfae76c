"""What a phone does about heat: a status by trip points on the skin, and an allocator of the processor's watts.

The status has Android's words (`PowerManager.THERMAL_STATUS_*`) and hysteresis: it rises at a trip point and falls once
the skin is `hysteresis_k` below it. It is polled. At each poll the allocator grants

    P = derate·max(sustainable + gain·(target − T) + integral, floor),     T the spreader's temperature,

the proportional-integral form of Linux' ``power_allocator`` governor, whose sustainable power is a feed-forward. The
integral moves within ±`integral_share` of the sustainable power, and the floor is the sustainable power less that
share: sustained speed does not sink while the body warms. `derate` is 1 up to the trip MODERATE and falls linearly to 0
at SHUTDOWN: skin is protected whatever the processor could still do. A cold or nearly empty cell, whose voltage sags,
limits the processor besides: see `phone.SAG_MARGIN_V`.
"""

from __future__ import annotations

from enum import IntEnum

from autoglm_desktop.energy.profile import ThrottleSection


class ThermalStatus(IntEnum):
    """Android's thermal status; `word` is the same in every language."""

    NONE = 0
    LIGHT = 1
    MODERATE = 2
    SEVERE = 3
    CRITICAL = 4
    EMERGENCY = 5
    SHUTDOWN = 6

    @property
    def word(self) -> str:
        return self.name


def next_status(trips_c: tuple[float, ...], hysteresis_k: float, status: int, skin_c: float) -> int:
    """The status after a poll that read `skin_c`; `trips_c` are the trip points of LIGHT … SHUTDOWN."""
    while status < 6 and skin_c >= trips_c[status]:
        status += 1
    while status > 0 and skin_c < trips_c[status - 1] - hysteresis_k:
        status -= 1
    return status


class Allocator:
    """The allocator's constants, ready for polls."""

    __slots__ = ("cap_w", "floor_w", "from_c", "gain", "rate", "span_k", "sustainable_w", "target_c")

    def __init__(self, section: ThrottleSection) -> None:
        self.sustainable_w = section.sustainable_w
        self.target_c = section.control_target_c
        self.gain = section.gain_w_k
        self.rate = section.integral_w_k_s * section.poll_s
        self.cap_w = section.integral_share * section.sustainable_w
        self.floor_w = self.sustainable_w - self.cap_w
        self.from_c = section.moderate_c
        self.span_k = section.shutdown_c - section.moderate_c

    def grant(self, spreader_c: float, skin_c: float, integral_w: float) -> tuple[float, float]:
        """Watts granted until the next poll, and the integral to keep."""
        error = self.target_c - spreader_c
        integral = min(self.cap_w, max(-self.cap_w, integral_w + self.rate * error))
        derate = min(1.0, max(0.0, 1.0 - (skin_c - self.from_c) / self.span_k))
        wish = self.sustainable_w + self.gain * error + integral
        return max(wish, self.floor_w) * derate, integral
