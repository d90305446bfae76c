"""``doctor``: what works here, what does not, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import typer

from autoglm_desktop.core.i18n import tr

from .check import Check
from .checks_data import data_folder, database, disk, logs, model, settings, sources
from .checks_machine import audio, display, gpu, memory, python, qt, torch
from .checks_senses import senses, speech
from .context import Context, begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_text, tell

CHECKS: tuple[Callable[[Context], Check], ...] = (
    *(python, qt, display, audio, torch, memory, gpu),
    *(disk, data_folder, settings, database, model, sources, logs),
    *(speech, senses),
)


def doctor(
    typer_context: typer.Context,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Look at everything the application needs. Status 1 when something that is needed does not work."""
    context = begin(typer_context, data_dir, log_level, language)
    checks = [check(context) for check in CHECKS]
    broken = [check for check in checks if check.required and not check.ok]
    if as_json:
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            _print(check)
    if broken:
        tell(
            tr("{name} does not work: {detail} {fix}", name=broken[0].name, detail=broken[0].detail, fix=broken[0].fix)
        )
        raise typer.Exit(1)


def _print(check: Check) -> None:
    sign = "✓" if check.ok else "✗" if check.required else "–"
    print_text(f"{sign} {check.name:<12} {check.detail}")
    if check.fix and not check.ok:
        print_text(f"  {'':<12} {check.fix}")
