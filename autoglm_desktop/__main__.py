"""Entry: the window when no command is named, else the command line.

The window has one second until it is visible, so that nothing of the command line is imported on the way to it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

_WINDOW_OPTIONS = ("--model", "--lang", "--data-dir", "--log-level")
"""What the window understands; each takes a value."""

INTERRUPTED = 130
GUIDE_QUESTION = "你是谁?"


def wants_window(argv: Sequence[str]) -> bool:
    """Whether these arguments name no command and nothing but options of the window."""
    rest = list(argv)
    while rest:
        name, sign, _ = rest.pop(0).partition("=")
        if name == "--kiosk" and (sign or not rest or rest[0].startswith("-")):
            continue
        if name not in (*_WINDOW_OPTIONS, "--kiosk"):
            return False
        if not sign and rest:
            rest.pop(0)
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application; returns the exit status, 130 after Ctrl-C at any moment."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    from autoglm_desktop.core.interrupts import held

    if wants_window(arguments):
        with held() as check:
            from autoglm_desktop import app
        check()
        if app.has_display():
            return _run_kiosk(arguments) if _names_kiosk(arguments) else app.run_window(arguments)
        if _names_kiosk(arguments):
            print(
                "autoglm-desktop: the kiosk needs a display, and none was found. "
                "Start it in a desktop session, or set DISPLAY.",
                file=sys.stderr,
            )
            return 1
        arguments = ["chat", *arguments, *_without_display()]
    with held() as check:
        from autoglm_desktop import cli
    check()
    return cli.main(arguments)


def _names_kiosk(arguments: Sequence[str]) -> bool:
    return any(argument.partition("=")[0] == "--kiosk" for argument in arguments)


def _run_kiosk(arguments: Sequence[str]) -> int:
    from pathlib import Path

    from autoglm_desktop import app, app_kiosk

    parsed = app.parse(arguments)
    return app_kiosk.run_kiosk(parsed, Path(parsed.kiosk) if parsed.kiosk else None)


def _without_display() -> list[str]:
    """Say what happens instead of a window; without a terminal either, the guide's question shows that it works."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        print("autoglm-desktop: no display was found, so the conversation is held in the terminal.", file=sys.stderr)
        return []
    print(f"autoglm-desktop: no display and no terminal, so one question is asked: {GUIDE_QUESTION}", file=sys.stderr)
    return ["--stats", GUIDE_QUESTION]


if __name__ == "__main__":
    sys.exit(main())
