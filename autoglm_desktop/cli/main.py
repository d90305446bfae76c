"""The entry of the command line: the commands, and what becomes of errors."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.files import is_disk_full
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.logs import log_quietly

from .bench import bench
from .chat import INTERRUPTED, chat
from .claims import show_claims
from .context import RootOptions
from .doctor import doctor
from .look import look
from .models import models
from .options import DataDirOption, Language, LanguageOption, LogLevel, LogLevelOption, ModelOption
from .output import PROGRAM, tell
from .serve import serve
from .simulate import simulate
from .transcribe import transcribe

log = logging.getLogger(__name__)

FAILED = 1
application = typer.Typer(
    name=PROGRAM,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help"]},
)
application.command()(chat)
application.add_typer(models, name="models")
application.command()(look)
application.command()(transcribe)
application.command()(bench)
application.command()(serve)
application.command("claims")(show_claims)
application.command()(doctor)
application.add_typer(simulate, name="simulate")


@application.callback(invoke_without_command=True)
def window(
    typer_context: typer.Context,
    *,
    model: ModelOption = None,
    language: LanguageOption = None,
    kiosk: Annotated[bool, typer.Option("--kiosk", help="Fill the screen for a booth; a FILE may follow.")] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Chat with a model on this machine. Without a command, the window opens."""
    if show_version:
        print(PROGRAM, version(PROGRAM))
        raise typer.Exit
    if kiosk:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("--kiosk opens the kiosk and stands alone."),
            msg("Leave out the command, or --kiosk."),
        )
    typer_context.obj = RootOptions(data_dir, log_level, language)
    if typer_context.invoked_subcommand is None:
        raise typer.Exit(_open_window(_window_arguments(model, language, data_dir, log_level)))


def main(argv: Sequence[str]) -> int:
    """Run a command; returns the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Raises nothing."""
    log_quietly()
    logging.getLogger().addHandler(logging.NullHandler())  # until the log is open, warnings must not reach stderr
    _accept_any_text()
    try:
        application(args=_without_kiosk_file(argv), prog_name=PROGRAM)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except AppError as error:
        log.warning("%s %s", error, error.report.details)
        if error.report.code is ErrorCode.CANCELLED:
            return INTERRUPTED
        tell(error.report.line())
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        log.exception("a command failed")
        tell(_no_room(error) if is_disk_full(error) else _unexpected(error))
    except Exception as error:
        log.exception("a command failed")
        tell(_unexpected(error))
    return FAILED


def _unexpected(error: Exception) -> str:
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return tr("Unexpected failure ({cause}). autoglm-desktop doctor looks for its reason.", cause=cause)


def _no_room(error: OSError) -> str:
    """For what no layer below knows better: standard output that goes to a file on a full disk, say."""
    where = error.filename or tr("the output")
    return tr("There is no space left to write {where}. Free some space, then run the command again.", where=where)


def _accept_any_text() -> None:
    """A terminal that cannot show a character gets a question mark in its place, never a failure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _open_window(arguments: list[str]) -> int:
    from autoglm_desktop.app import run_window

    return run_window(arguments)


def _window_arguments(
    model: str | None, language: Language | None, data_dir: Path | None, log_level: LogLevel | None
) -> list[str]:
    named = {"--model": model, "--lang": language, "--data-dir": data_dir, "--log-level": log_level}
    return [part for name, value in named.items() if value is not None for part in (name, str(value))]


def _without_kiosk_file(argv: Sequence[str]) -> list[str]:
    """The arguments without the optional FILE of ``--kiosk``, which the parser has no word for."""
    rest = list(argv)
    if "--kiosk" in rest:
        after = rest.index("--kiosk") + 1
        if after < len(rest) and not rest[after].startswith("-"):
            del rest[after]
    return rest
