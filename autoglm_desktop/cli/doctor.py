"""``doctor``: what works here, what does not, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from autoglm_desktop.core.i18n import tr

from .checks import CHECKS, Check
from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import print_json, print_text, tell


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
