"""Options that commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Language(StrEnum):
    ZH_CN = "zh_CN"
    EN = "en"


DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of models, settings and conversations.", file_okay=False)
]
LogLevelOption = Annotated[
    LogLevel | None, typer.Option("--log-level", help="Which messages of the log to show, too.", case_sensitive=False)
]
LanguageOption = Annotated[Language | None, typer.Option("--lang", help="Language of the messages.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="ID", help="Model, instead of the chosen one.")]
