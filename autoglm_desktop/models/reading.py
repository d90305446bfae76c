"""Reading what a person gave: files of bounded size, JSON of bounded depth, and what to say where that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import decode, parse_json

JSON_LIMIT_BYTES = 1 << 26
"""The largest JSON of a model is its tokenizer: 17 MB with 256,000 tokens."""


@contextmanager
def source_errors(path: Path) -> Iterator[None]:
    """Turn a file that cannot be read into the AppError BAD_INPUT that says so."""
    try:
        yield
    except OSError as error:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{path} cannot be read.", path=str(path)),
            msg("Check that the file is there and that you may read it, and the disk that it lies on."),
            details=str(error),
        ) from error


def read_bytes(path: Path, limit_bytes: int = JSON_LIMIT_BYTES) -> bytes:
    """A whole regular file. Raises AppError BAD_INPUT: not there, unreadable, no regular file, too large."""
    with source_errors(path):
        if not path.is_file():  # opening a pipe would wait for its other end
            raise FileNotFoundError(f"{path.name} is no file")
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise unusable(path, f"over {limit_bytes} bytes")
    return content


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object. Raises AppError BAD_INPUT."""
    try:
        loaded = parse_json(decode(read_bytes(path)))
        json.dumps(loaded, ensure_ascii=False).encode()  # half a surrogate pair can be read, but never shown
    except (ValueError, RecursionError) as error:
        raise unusable(path, str(error)) from error
    if not isinstance(loaded, dict):
        raise unusable(path, "not an object")
    return loaded


def unusable(path: Path, details: str) -> AppError:
    """The error for a file of a model that is not what its name says."""
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The model's file {name} is damaged or not of the expected form.", name=path.name),
        msg("Get this file again from the model's publisher."),
        details=f"{path}: {details}",
    )
