"""Text files that people and their editors write: decoded, bounded and parsed, or refused with cause and next step.

Editors put a byte order mark in front, or save UTF-16 (“Unicode”); both are read. Everything else must be UTF-8.
"""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import AppError, ErrorCode
from .i18n import Text, msg

MAX_CONFIG_BYTES = 1 << 20
"""Of a file with settings in it: scenarios, phones, the kiosk, sweeps."""
MAX_KEY_PARTS = 16
MAX_DEPTH = 32
"""Of brackets within each other. tomllib's time grows with the square of a dotted key's parts."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)|\(at end of document\)")
_TOML_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5}|\\?\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+"
    r"|[\[\]{}.=,\n]"
    r"|[^\"'#\[\]{}.=,\n]++",
    re.DOTALL,
)


class NotTextError(ValueError):
    """Bytes that are no text from `offset` on: another encoding, or a zero byte."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"no text from byte {offset} on")
        self.offset = offset


def read_text(path: Path, max_bytes: int | None = None) -> str:
    """The text of a file, with plain line ends. Raises AppError BAD_INPUT."""
    name = str(path)
    try:
        if max_bytes is not None and (size := path.stat().st_size) > max_bytes:
            raise _refused(
                msg(
                    "The file {path} has {size} bytes; at most {limit} are read.", path=name, size=size, limit=max_bytes
                ),
                msg("Choose a smaller file, or shorten this one."),
            )
        raw = path.read_bytes()
    except FileNotFoundError as error:
        cause = msg("There is no file {name}.", name=name)
        raise _refused(cause, msg("Check the path."), str(error)) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refused(
            msg("The file {path} cannot be read: {reason}.", path=name, reason=reason),
            msg("Choose another file, or make this one readable."),
            str(error),
        ) from error
    try:
        return decode(raw)
    except NotTextError as error:
        raise _refused(
            msg("The file {path} is not UTF-8 text (from byte {offset} on).", path=name, offset=error.offset),
            msg("Save it as UTF-8 in the program that made it, then try again."),
        ) from error


def decode(raw: bytes) -> str:
    """The text of these bytes, with plain line ends. Raises NotTextError."""
    mark, encoding = next((known for known in _MARKS if raw.startswith(known[0])), (b"", "utf-8"))
    try:
        text = raw[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise NotTextError(len(mark) + error.start) from error
    if "\0" in text:
        raise NotTextError(len(mark) + len(text[: text.index("\0")].encode(encoding)))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_toml(path: Path, max_bytes: int = MAX_CONFIG_BYTES) -> dict[str, Any]:
    """The table of a TOML file. Raises as `read_text` and `parse_toml`."""
    return parse_toml(read_text(path, max_bytes), str(path))


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The table of a TOML text; `name` for the message. Raises AppError BAD_INPUT."""
    _bound_toml(text, name)
    try:
        table = tomllib.loads(text)
        _bound_numbers(table)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        raise _no_toml(name, line, str(error)) from error
    except (ValueError, OverflowError) as error:
        raise _refused(
            msg("The file {path} has a number or date that cannot be.", path=name), _CORRECT_TOML, str(error)
        ) from error
    return table


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, also for nesting and numbers that the interpreter refuses."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _bound_toml(text: str, name: str) -> None:
    """Refuse keys of too many parts and too deep nesting, in one pass over the text."""
    depth = parts = line = 0
    for found in _TOML_TOKEN.findall(text):
        if found == ".":
            parts += 1
        elif found in ("=", ",", "\n", "[", "{", "]", "}"):
            parts = 0
            depth += (found in ("[", "{")) - (found in ("]", "}"))
        line += found.count("\n")
        if parts >= MAX_KEY_PARTS or depth > MAX_DEPTH:
            raise _refused(
                msg("The file {path} is nested too deeply in line {line}.", path=name, line=line + 1), _CORRECT_TOML
            )


def _bound_numbers(value: object) -> None:
    """Raise ValueError for a whole number of more than 64 bits, which TOML does not have: it cannot even be shown."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _bound_numbers(inner)
    elif isinstance(value, int) and value.bit_length() > 64:
        raise ValueError(f"a number of {value.bit_length()} bits")


def _no_toml(name: str, line: int, details: str) -> AppError:
    cause = msg("The file {path} is no valid TOML in line {line}.", path=name, line=line)
    return _refused(cause, _CORRECT_TOML, details)


def _refused(cause: Text, next_step: Text, details: str = "") -> AppError:
    return AppError(ErrorCode.BAD_INPUT, cause, next_step, details=details)


_CORRECT_TOML = msg("Correct the file; those that ship show how each key is written.")
