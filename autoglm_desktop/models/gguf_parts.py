"""GGUF models that are split into files: ``name-00001-of-00003.gguf``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{1,5})(?P<of>-of-)(?P<count>\d{1,5})(?P<suffix>\.gguf)", re.IGNORECASE)
PROJECTOR = "mmproj"
"""What the name of a file begins with that holds the part of a model which sees; it is no model of its own."""


def is_gguf(path: Path) -> bool:
    """Whether a file's name says that it is one."""
    return path.suffix.lower() == ".gguf"


def stem_of(path: Path) -> str:
    """The name of the model in the name of its file, or of any of its parts."""
    part = _PART.fullmatch(path.name)
    return part["stem"] if part else path.stem


def parts_of(path: Path) -> tuple[Path, ...]:
    """All parts that lie beside `path`, in their order; it alone where its name is not that of a part.

    Raises AppError BAD_INPUT that names a missing one.
    """
    named = _PART.fullmatch(path.name)
    if named is None or not 1 <= int(named["number"]) <= int(named["count"]):
        return (path,)
    count, width = int(named["count"]), len(named["number"])
    parts = []
    for number in range(1, count + 1):
        name = f"{named['stem']}-{number:0{width}}{named['of']}{named['count']}{named['suffix']}"
        if not (path.parent / name).is_file():
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg(
                    "{name} is part {number} of {count}; part {missing} is missing beside it.",
                    name=path.name,
                    number=int(named["number"]),
                    count=count,
                    missing=number,
                ),
                msg("Put all parts of the model into one folder and add it again."),
            )
        parts.append(path.parent / name)
    return tuple(parts)


def require_one_split(parts: Sequence[Path], fields: Sequence[dict[str, Any]]) -> None:
    """Raise AppError BAD_INPUT unless the files say of themselves that they are these parts of one model."""
    for index, (path, of_part) in enumerate(zip(parts, fields, strict=True)):
        number, count = of_part.get("split.no", 0), of_part.get("split.count", 0) or 1
        if not isinstance(number, int) or not isinstance(count, int):
            number, count = -1, -1
        if count != len(parts) or number != index:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg(
                    "By its content {name} is part {number} of {count}, by its name part {index} of {total}.",
                    name=path.name,
                    number=number + 1,
                    count=count,
                    index=index + 1,
                    total=len(parts),
                ),
                msg("Give the parts the names that they were published with (…-00001-of-00003.gguf)."),
            )


def model_in(folder: Path, names: Sequence[str]) -> Path | None:
    """The one GGUF model among the files of a folder, or None. Raises AppError BAD_INPUT for several."""
    found: dict[str, Path] = {}
    for name in sorted(names):
        path = folder / name
        if is_gguf(path) and not name.lower().startswith(PROJECTOR) and path.is_file():
            found.setdefault(stem_of(path), path)
    if len(found) > 1:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{path} holds several GGUF models: {names}.", path=str(folder), names=", ".join([*found][:8])),
            msg("Add one of these files."),
        )
    return next(iter(found.values()), None)
