"""``models``: what can be had, what is here; fetch, prepare, verify, remove, add."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from autoglm_desktop.assistant.preparing import load_tier
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.messages import ModelRef
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.models.library import ModelInfo, ModelLibrary

from .context import Context, begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption
from .output import as_size, print_json, print_table, print_text, tell
from .progress import fraction_progress, pull_progress

models = typer.Typer(help="List, fetch, prepare, verify, remove and add models.", no_args_is_help=True)
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Download without asking.")]
ModelArgument = Annotated[str, typer.Argument(metavar="ID", help="A model; `models list` names them.")]


@models.command("list")
def list_models(
    typer_context: typer.Context,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """The models that can be had, and those that are here."""
    found = begin(typer_context, data_dir, log_level, language).library().list()
    if as_json:
        print_json({"models": [asdict(info) for info in found]})
        return
    headings = (
        *(tr("Model"), tr("For"), tr("On this machine"), tr("Download")),
        *(tr("License"), tr("Languages"), tr("Name")),
    )
    print_table(headings, [_row(info) for info in found])


def _row(info: ModelInfo) -> tuple[str, ...]:
    here = as_size(info.disk_bytes) if info.installed else "-"
    download = as_size(info.download_bytes) if info.download_bytes else "?"
    return (info.id, _purpose(info), here, download, info.license or "?", " ".join(info.languages), info.display_name)


def _purpose(info: ModelInfo) -> str:
    if "speech" in info.modalities:
        return tr("speech to text")
    return tr("chat, images") if "image" in info.modalities else tr("chat")


@models.command()
def show(
    typer_context: typer.Context,
    model: ModelArgument,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Everything about one model, and why sources failed at its last pull."""
    library = begin(typer_context, data_dir, log_level, language).library()
    info = library.info(model)
    result = asdict(info) | {
        "folder": library.ref(model).folder if info.installed else None,
        "source_failures": [
            {"source": str(f.source), "reason": str(f.reason), "when_s": f.when_s}
            for f in library.source_failures(model)
        ],
    }
    if as_json:
        print_json(result)
        return
    for name, value in result.items():
        print_text(f"{name}: {_plain(value)}")


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_plain(item) for item in value) or "-"
    if isinstance(value, dict):
        return "; ".join(f"{key}={item}" for key, item in value.items())
    return "-" if value is None else str(value)


@models.command()
def pull(
    typer_context: typer.Context,
    model: ModelArgument,
    *,
    yes: YesOption = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Download a model, verify it and make it ready to load. Goes on where an earlier pull stopped.

    Size and licence are told before; on a terminal the download begins after a yes.
    """
    library = begin(typer_context, data_dir, log_level, language).library()
    began_s = time.monotonic()
    ref = fetch(library, model, yes=yes)
    info = library.info(model)
    result = {
        "id": model,
        "folder": ref.folder,
        "disk_bytes": info.disk_bytes,
        "seconds": round(time.monotonic() - began_s, 3),
    }
    if as_json:
        print_json(result)
    else:
        print_text(
            tr("{model} is in {folder} ({size}).", model=model, folder=ref.folder, size=as_size(info.disk_bytes))
        )


def fetch(library: ModelLibrary, model: str, *, yes: bool = False) -> ModelRef:
    """Pull with progress on standard error, after size and licence were told; tells which sources were passed over.

    On a terminal it asks before, unless `yes`. Raises AppError: CANCELLED after a no, what `ModelLibrary.pull` raises.
    """
    info = library.info(model)
    if info.installed:
        return library.ref(model)
    if info.runnable or "speech" in info.modalities:  # others are refused by the pull
        _agree(library.offer(model), yes=yes)
    with pull_progress(model) as on_progress:
        ref = library.pull(model, on_progress, lambda: False)
    for failure in library.source_failures(model):
        tell(tr("{source} was passed over: {reason}", source=str(failure.source), reason=str(failure.reason)))
    return ref


def _agree(offer: ModelInfo, *, yes: bool) -> None:
    """Tell what would be fetched; ask where somebody can answer."""
    tell(
        tr(
            "{model}: {size} to download, licence {license}, from {sources}.",
            model=offer.id,
            size=as_size(offer.download_bytes) if offer.download_bytes else "?",
            license=offer.license or "?",
            sources=", ".join(offer.sources),
        )
    )
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not typer.confirm(tr("Download it?"), default=True, err=True):
        tell(tr("Nothing was downloaded."))
        raise AppError(ErrorCode.CANCELLED, msg("Nothing was downloaded."), msg("Choose another model."))


@models.command()
def prepare(
    typer_context: typer.Context,
    model: ModelArgument,
    *,
    yes: YesOption = False,
    tier: Annotated[list[Tier] | None, typer.Option(help="Only this tier; may be given again.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Pull a model if it is not here, then pack its tiers, so that the first answer does not wait for it.

    One that writes down speech has no tiers: it is ready when it is here.
    """
    context = begin(typer_context, data_dir, log_level, language)
    library = context.library()
    ref = fetch(library, model, yes=yes)
    chats = "text" in library.info(model).modalities
    seconds = _pack(context, ref, tuple(tier or (Tier.FP16, Tier.INT4, Tier.INT8))) if chats else {}
    if as_json:
        print_json({"id": model, "folder": ref.folder, "tiers": {t.value: {"seconds": s} for t, s in seconds.items()}})
    elif seconds:
        print_text(tr("{model} is ready in {tiers}.", model=model, tiers=", ".join(t.label for t in seconds)))
    else:
        print_text(tr("{model} is ready.", model=model))


def _pack(context: Context, ref: ModelRef, tiers: tuple[Tier, ...]) -> dict[Tier, float]:
    engine = context.engine()
    seconds: dict[Tier, float] = {}
    try:
        for tier in tiers:
            words = tr("{model}: preparing {tier}", model=ref.model_id, tier=tier.label)
            with fraction_progress(words) as on_fraction:
                seconds[tier] = round(load_tier(engine, ref, tier, on_fraction), 3)
    finally:
        engine.close()
    return seconds


@models.command()
def verify(
    typer_context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="[ID]", help="A model; without it, all that are here.")] = None,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Read every file of a model and compare it with what was installed."""
    library = begin(typer_context, data_dir, log_level, language).library()
    names = [model] if model else library.present()
    failures = {name: _damage(library, name) for name in names}
    damaged = [failure for failure in failures.values() if failure is not None]
    if as_json:
        print_json({"ok": not damaged, "models": [_verified(*pair) for pair in failures.items()]})
    else:
        for name, failure in failures.items():
            print_text(tr("{model}: damaged", model=name) if failure else tr("{model}: intact", model=name))
    if damaged:
        raise damaged[0]


def _damage(library: ModelLibrary, name: str) -> AppError | None:
    try:
        with pull_progress(name) as on_progress:
            library.verify(name, on_progress=on_progress)
    except AppError as error:
        if error.report.code is not ErrorCode.WEIGHTS_CORRUPT:
            raise
        return error
    return None


def _verified(name: str, failure: AppError | None) -> dict[str, object]:
    return {"id": name, "ok": failure is None, "detail": failure.report.line() if failure else ""}


@models.command()
def remove(
    typer_context: typer.Context,
    model: ModelArgument,
    *,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Remove a model from this machine."""
    freed = begin(typer_context, data_dir, log_level, language).library().remove(model)
    if as_json:
        print_json({"id": model, "freed_bytes": freed})
    else:
        print_text(tr("{model} is removed; {size} are free again.", model=model, size=as_size(freed)))


@models.command()
def add(
    typer_context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A folder with safetensors, a .gguf file, or a part of one.")
    ],
    *,
    name: Annotated[str | None, typer.Option(metavar="ID", help="What to call it.")] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Install a copy of a model from this machine's disk."""
    library = begin(typer_context, data_dir, log_level, language).library()
    with pull_progress(name or path.name) as on_progress:
        info = library.add(path, name, on_progress=on_progress)
    if as_json:
        print_json(asdict(info))
    else:
        print_text(tr("{model} is added ({size}).", model=info.id, size=as_size(info.disk_bytes)))
        if info.chat_template == "chatml":
            print_text(tr("It has no chat template of its own: ChatML is used, whose marks are in its vocabulary."))
