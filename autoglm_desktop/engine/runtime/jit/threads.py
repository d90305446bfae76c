"""The same work on several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


def on_all_threads(count: int, work: Callable[[int], object]) -> None:
    """Run `work(0)` to `work(count - 1)` at once, on a thread each, and wait for all. It must not raise.

    Threads are started anew each time: that costs some 50 µs, and leaves nothing to end.
    """
    others = [threading.Thread(target=work, args=(me,), name=f"decode-{me}") for me in range(1, count)]
    for thread in others:
        thread.start()
    work(0)
    for thread in others:
        thread.join()
