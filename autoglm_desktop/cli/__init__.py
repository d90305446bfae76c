"""The command line. Nothing heavy is imported before `main` is called."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run a command; returns the exit status."""
    from .main import main as run

    return run(argv)
