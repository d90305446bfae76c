"""Which files of a Hugging Face folder hold its weights, as one file or in shards, with an index or without."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.file_names import is_plain_name
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import decode, parse_json

from .reading import read_bytes, unusable

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{1,5})-of-(?P<count>\d{1,5})\.safetensors", re.IGNORECASE)


class _Index(BaseModel):
    model_config = ConfigDict(strict=True)

    weight_map: dict[str, str]


def is_safetensors(name: str) -> bool:
    """Whether a file's name says that it is one."""
    return name.lower().endswith(".safetensors")


def weight_files(folder: Path, names: Sequence[str]) -> list[str]:
    """The files with weights among `names` of a folder, sorted; none where there are none.

    Raises AppError: WEIGHTS_CORRUPT names a shard that is missing, BAD_INPUT for an index that is none.
    """
    indexed = _indexed(folder) if INDEX in names else []
    if missing := [name for name in indexed if name not in names]:
        raise AppError(
            ErrorCode.WEIGHTS_CORRUPT,
            msg("The model lacks the file {name}.", name=missing[0]),
            msg("Get it from the model's publisher, put it beside the others and add the folder again."),
        )
    if SINGLE in names:
        return [SINGLE]
    there = sorted(name for name in names if is_safetensors(name))
    return indexed or _shards(there) or there


def index_of(names: dict[str, str]) -> str:
    """The text of an index: the file of each weight."""
    return json.dumps({"metadata": {}, "weight_map": names}, indent=1)


def _indexed(folder: Path) -> list[str]:
    try:
        index = _Index.model_validate(_json(folder / INDEX))
    except ValidationError as error:
        raise unusable(folder / INDEX, str(error)) from error
    named = sorted(set(index.weight_map.values()))
    if outside := [name for name in named if not (is_plain_name(name) and is_safetensors(name))]:
        raise unusable(folder / INDEX, outside[0][:200])
    return named


def _json(path: Path) -> Any:
    try:
        return parse_json(decode(read_bytes(path)))
    except ValueError as error:
        raise unusable(path, str(error)) from error


def _shards(there: Sequence[str]) -> list[str]:
    """The shards of one model among these files, whose names count them; none where names do not."""
    found = [match for name in there if (match := _SHARD.fullmatch(name))]
    sets = {(match["stem"], int(match["count"])) for match in found}
    if len(sets) != 1:
        return []
    ((_, count),) = sets
    numbers = {int(match["number"]) for match in found}
    missing = next((number for number in range(1, count + 1) if number not in numbers), None)
    if missing is not None:
        raise AppError(
            ErrorCode.WEIGHTS_CORRUPT,
            msg(
                "{name} is part {number} of {count}; part {missing} is missing beside it.",
                name=found[0].string,
                number=int(found[0]["number"]),
                count=count,
                missing=missing,
            ),
            msg("Put all parts of the model into one folder and add it again."),
        )
    return [match.string for match in found]
