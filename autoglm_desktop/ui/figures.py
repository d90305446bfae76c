"""Numbers as people read them: thousands in groups, sizes in MB and GB, times in seconds or minutes."""

from __future__ import annotations

from autoglm_desktop.core.i18n import tr


def count(number: int) -> str:
    """``1,204``."""
    return f"{number:,}"


def size(size_bytes: int) -> str:
    """A size in decimal units, three digits at most before the unit: ``412 MB``, ``1.32 GB``."""
    value, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    digits = 0 if unit in ("B", "kB") or value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def seconds(value_s: float) -> str:
    """``0.41 s``, ``3.6 s``, ``41 s``."""
    return f"{value_s:.2f} s" if value_s < 1 else f"{value_s:.1f} s" if value_s < 10 else f"{value_s:.0f} s"


def duration(value_s: float) -> str:
    """A time to wait, in words: ``12 s``, ``3 min 5 s``, ``1 h 4 min``."""
    whole = round(value_s)
    if whole < 60:
        return tr("{seconds} s", seconds=whole)
    if whole < 3600:
        return tr("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
    return tr("{hours} h {minutes} min", hours=whole // 3600, minutes=whole % 3600 // 60)


def rate(value_tok_s: float) -> str:
    """``35.4``: tokens per second without the unit."""
    return f"{value_tok_s:.1f}" if value_tok_s < 100 else f"{value_tok_s:.0f}"
