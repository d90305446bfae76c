"""Entry: the window when no command is named, else the command line.

The window has one second until it is visible, so that nothing of the command line is imported on the way to it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_WINDOW_OPTIONS = ("--model", "--lang", "--data-dir", "--log-level")
"""What the window understands; each takes a value."""

GUIDE_QUESTION = "你是谁?"


def wants_window(argv: Sequence[str]) -> bool:
    """Whether these arguments name no command and nothing but options of the window."""
    rest = list(argv)
    while rest:
        name, sign, _ = rest.pop(0).partition("=")
        if name not in _WINDOW_OPTIONS:
            return False
        if not sign and rest:
            rest.pop(0)
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if wants_window(arguments):
        from autoglm_desktop import app

        if app.has_display():
            return app.run_window(arguments)
        arguments = ["chat", *arguments, *_without_display()]
    from autoglm_desktop import cli

    return cli.main(arguments)


def _without_display() -> list[str]:
    """Say what happens instead of a window; without a terminal either, the guide's question shows that it works."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        print("autoglm-desktop: no display was found, so the conversation is held in the terminal.", file=sys.stderr)
        return []
    print(f"autoglm-desktop: no display and no terminal, so one question is asked: {GUIDE_QUESTION}", file=sys.stderr)
    return ["--stats", GUIDE_QUESTION]


if __name__ == "__main__":
    sys.exit(main())
