"""The header of a GGUF file, read with every count held against the bytes that are there.

A file may name 2⁶⁰ strings in twelve bytes; nothing is built for a count before that many elements can follow. Format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LIMIT_BYTES = 1 << 26
"""A header is a vocabulary and little else: 6 MB for 152,000 tokens."""

_VERSIONS = (2, 3)
_ANY_VERSION = 100
_MAX_DIMENSIONS = 4
_MAX_DEPTH = 4
_BOOL, _STRING, _ARRAY = 7, 8, 9
_SCALARS: dict[int, np.dtype[Any]] = {
    index: np.dtype(f"<{code}")
    for index, code in enumerate(("u1", "i1", "u2", "i2", "u4", "i4", "f4", "u1", "", "", "u8", "i8", "f8"))
    if code
}


class BrokenHeaderError(ValueError):
    """The file ends before what it names, or holds what no GGUF file does."""


class UnknownFormatError(ValueError):
    """A GGUF file of another version or byte order: sound, but not readable here."""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor's place: `shape` rows first, `kind` a number of ggml's types, `offset` into the data."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """`fields` as plain values, arrays of numbers as numpy's; `data_start` is the first byte of the data."""

    fields: dict[str, Any]
    tensors: tuple[TensorEntry, ...]
    data_start: int
    alignment: int


def read_header(data: memoryview) -> GgufHeader:
    """Raises BrokenHeaderError, UnknownFormatError."""
    if bytes(data[:4]) != b"GGUF":
        raise BrokenHeaderError("no GGUF mark")
    cursor = _Cursor(data[:LIMIT_BYTES], 4)
    _require_version(cursor.number("<I"))
    n_tensors, n_fields = cursor.number("<Q"), cursor.number("<Q")
    fields = _named(cursor, n_fields, _field)
    tensors = _named(cursor, n_tensors, _tensor)
    alignment = fields.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
        raise BrokenHeaderError(f"alignment {alignment!r}")
    return GgufHeader(fields, tuple(tensors.values()), -(-cursor.at // alignment) * alignment, alignment)


def _require_version(version: int) -> None:
    if version in _VERSIONS:
        return
    if int.from_bytes(version.to_bytes(4, "big"), "little") in _VERSIONS:
        raise UnknownFormatError("big-endian")
    raise UnknownFormatError(str(version)) if 0 < version < _ANY_VERSION else BrokenHeaderError(f"version {version}")


class _Cursor:
    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self.at = data, at

    def take(self, count: int) -> memoryview:
        if count > len(self._data) - self.at:
            raise BrokenHeaderError(f"{count} bytes at {self.at}, behind the end")
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        return str(self.take(self.number("<Q")), "utf-8")

    def text_or_bytes(self) -> str | bytes:
        """Bytes where it is no UTF-8: most fields nobody needs, and those that somebody does are checked to be text."""
        content = self.take(self.number("<Q"))
        try:
            return str(content, "utf-8")
        except UnicodeDecodeError:
            return bytes(content)

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _STRING:
            return self.text_or_bytes()
        if kind == _ARRAY:
            return self._array(depth + 1)
        value = self._scalars(kind, 1)[0].item()
        return bool(value) if kind == _BOOL else value

    def _array(self, depth: int) -> Any:
        kind, count = self.number("<I"), self.number("<Q")
        if kind not in (_STRING, _ARRAY):
            return self._scalars(kind, count)
        if depth > _MAX_DEPTH or 8 * count > len(self._data) - self.at:
            raise BrokenHeaderError(f"an array of {count} elements in depth {depth}")
        return [self.value(kind, depth) for _ in range(count)]

    def _scalars(self, kind: int, count: int) -> Any:
        dtype = _SCALARS.get(kind)
        if dtype is None:
            raise BrokenHeaderError(f"a field of the type {kind}")
        return np.frombuffer(self.take(dtype.itemsize * count), dtype)


def _named(cursor: _Cursor, count: int, read: Callable[[_Cursor, str], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(count):  # each takes bytes, so that the file's end ends it
        name = cursor.text()
        if name in found:
            raise BrokenHeaderError(f"{name!r} twice")
        found[name] = read(cursor, name)
    return found


def _field(cursor: _Cursor, _: str) -> Any:
    return cursor.value(cursor.number("<I"))


def _tensor(cursor: _Cursor, name: str) -> TensorEntry:
    n_dimensions = cursor.number("<I")
    if n_dimensions > _MAX_DIMENSIONS:
        raise BrokenHeaderError(f"{name!r} has {n_dimensions} dimensions")
    shape = tuple(cursor.number("<Q") for _ in range(n_dimensions))[::-1]
    return TensorEntry(name, shape, cursor.number("<I"), cursor.number("<Q"))
