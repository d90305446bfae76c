"""Ctrl-C while something runs that cannot be left in the middle.

Imports of C extensions swallow a KeyboardInterrupt or end the process over it (those of Qt do), and what a start has
opened is to be closed in order. So a first Ctrl-C is noted, and raised where the program says that it can be.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Note Ctrl-C within the block; the function that it gives raises KeyboardInterrupt if there was one.

    A second Ctrl-C does not wait. Outside the main thread, which alone gets signals, nothing changes.
    """
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
