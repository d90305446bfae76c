"""A PIN that is slow to guess."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

FREE_TRIES = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 300.0


class PinGuard:
    """Three tries, then a wait that doubles with each wrong one up to five minutes. A right one starts over."""

    def __init__(self, pin: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pin, self._clock = pin.encode(), clock
        self._wrong = 0
        self._free_at_s = clock()

    @property
    def wrong(self) -> int:
        """Wrong tries since the last right one."""
        return self._wrong

    @property
    def wait_s(self) -> float:
        """Seconds until the next try counts; 0: now."""
        return max(0.0, self._free_at_s - self._clock())

    def check(self, tried: str) -> bool:
        """Whether `tried` is the PIN. While a wait lasts every try is refused, a right one too, and not counted."""
        if self.wait_s > 0.0:
            return False
        if hmac.compare_digest(tried.encode(), self._pin):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= FREE_TRIES:
            wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._wrong - FREE_TRIES, 20))
            self._free_at_s = self._clock() + wait_s
        return False
