"""Cyclic garbage is collected on the GUI thread, between two events, and nowhere else.

Python collects on whichever thread happens to allocate: one that imports a module, or reads what the engine sent. What
is found there may be a widget. An object of Qt that is destroyed on a thread that is not its own, while the event loop
runs, ends the process: a timer, for one, stays in the list of its thread and is called when it is due.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QTimer

INTERVAL_MS = 250
"""At most one collection in this time; a full one comes after some hundred smaller ones."""


@contextmanager
def collected_on_this_thread() -> Iterator[None]:
    """Meanwhile this thread's event loop collects, and no other thread. Call it on the GUI thread."""
    before = gc.isenabled()
    gc.disable()
    timer = QTimer()
    timer.timeout.connect(collect_due)
    timer.start(INTERVAL_MS)
    try:
        yield
    finally:
        timer.stop()
        gc.collect()
        if before:
            gc.enable()


def collect_due() -> None:
    """Collect the oldest generation that has grown past its threshold, and the younger ones with it."""
    grown = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [generation for generation, (count, threshold) in enumerate(grown) if 0 < threshold < count]
    if due:
        gc.collect(due[-1])
