"""The clock of a phone in a computer that may be suspended."""

from __future__ import annotations

import sys
import time

_NAMES = ("CLOCK_MONOTONIC",) if sys.platform == "darwin" else ("CLOCK_BOOTTIME",)
_ID: int | None = next((getattr(time, name) for name in _NAMES if hasattr(time, name)), None)


def awake_or_not_s() -> float:
    """Seconds on a clock that never goes back and goes on while the computer is suspended.

    `time.monotonic` stands still during suspend on Linux and macOS, not on Windows.
    """
    return time.monotonic() if _ID is None else time.clock_gettime(_ID)
