"""What this process holds."""

from __future__ import annotations

import sys

import psutil

from autoglm_desktop.core.events import Memory

_PROCESS = psutil.Process()


def measure(*, weights_bytes: int, kv_bytes: int) -> Memory:
    """Weights and caches as told, resident and private bytes as the system tells them."""
    info = _PROCESS.memory_info()
    private: int | None = None
    if sys.platform == "linux":  # RssAnon: the resident set without file-backed and shared pages
        private = info.rss - info.shared
    elif sys.platform == "win32":
        private = info.private
    return Memory(weights_bytes, kv_bytes, info.rss, private)
