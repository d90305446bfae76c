"""How many threads a model gets."""

from __future__ import annotations

import os
import sys

import psutil


def physical_cores() -> int:
    """Cores that this process may use, without their second threads."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
