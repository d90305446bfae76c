"""``claims``: what the guide says, what this machine measures, what the simulated phone gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from autoglm_desktop.assistant.claims import Claim, claims, verdict_words
from autoglm_desktop.assistant.claims_machine import machine_for
from autoglm_desktop.assistant.claims_phone import PhoneFigures
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.energy.profile import load_profile

from .context import begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption, ModelOption
from .output import print_json, print_text, tell


def show_claims(
    typer_context: typer.Context,
    *,
    model: ModelOption = None,
    only: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this claim; may be given again.")] = None,
    phone: Annotated[str | None, typer.Option(metavar="ID", help="The phone, instead of the chosen one.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Check the guide's claims: everything is measured or computed now. Takes a few minutes."""
    context = begin(typer_context, data_dir, log_level, language).override(model_id=model)
    settings, library = context.settings, context.library()
    profile = load_profile(phone or settings.phone_id, context.paths.phones)
    paths = context.paths
    machine = replace(machine_for(settings, library, paths.engine_log, paths.data_dir), tell=tell)
    found = []
    for claim in claims(machine, PhoneFigures(profile), tuple(only or ())):
        found.append(as_object(claim))
        if not as_json:
            _print(claim)
    if as_json:
        print_json({"model": settings.model_id, "phone": profile.id, "claims": found})


def as_object(claim: Claim) -> dict[str, object]:
    """A claim as ``--json`` prints it: the contract's fields, the numbers behind them, and a remark."""
    return {
        "id": claim.id,
        "guide": str(claim.guide.text),
        "this_machine": str(claim.this_machine.text),
        "phone": str(claim.phone.text),
        "verdict": claim.verdict.value,
        "how": claim.how,
        "figures": {
            "guide": claim.guide.value,
            "this_machine": claim.this_machine.value,
            "phone": claim.phone.value,
        },
        "note": str(claim.note) if claim.note is not None else None,
    }


def _print(claim: Claim) -> None:
    print_text(f"{claim.id}: {verdict_words(claim.verdict)}")
    for name, figure in (
        (tr("guide"), claim.guide),
        (tr("this machine"), claim.this_machine),
        (tr("phone (simulated)"), claim.phone),
    ):
        print_text(f"  {name}: {figure.text}")
    if claim.note is not None:
        print_text(f"  {claim.note}")
    print_text(f"  {claim.how}")
