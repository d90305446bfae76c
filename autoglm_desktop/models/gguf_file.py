"""Reading a GGUF model: its fields as plain Python values, its tensors row by row as float32."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .gguf_header import GgufHeader, TensorEntry, UnknownFormatError, read_header
from .gguf_parts import parts_of, require_one_split
from .reading import source_errors

CHUNK_ELEMENTS = 1 << 22
"""How many numbers are unpacked at once: 16 MiB of float32 bounds the memory, whatever the tensor."""

_PLAIN: dict[gguf.GGMLQuantizationType, np.dtype[Any]] = {
    gguf.GGMLQuantizationType.F32: np.dtype("<f4"),
    gguf.GGMLQuantizationType.F16: np.dtype("<f2"),
}


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor of a file: `data` are the bytes of the whole file, `start` is the tensor's first."""

    file_name: str
    entry: TensorEntry
    data: memoryview
    start: int

    @property
    def tensor_type(self) -> gguf.GGMLQuantizationType:
        return gguf.GGMLQuantizationType(self.entry.kind)

    @property
    def row_bytes(self) -> int:
        elements, n_bytes = gguf.GGML_QUANT_SIZES[self.tensor_type]
        return self.entry.shape[-1] // elements * n_bytes

    @property
    def n_bytes(self) -> int:
        return prod(self.entry.shape[:-1]) * self.row_bytes

    def rows(self) -> NDArray[np.uint8]:
        """[rows, bytes of a row], mapped."""
        held = np.frombuffer(self.data[self.start : self.start + self.n_bytes], np.uint8)
        return held.reshape(-1, self.row_bytes)


class GgufFile:
    """An open GGUF model, from one file or from all parts of a split one, whichever of them is given.

    Raises AppError: WEIGHTS_CORRUPT when a file is none or cut short, UNSUPPORTED_ARCHITECTURE for another version of
    the format, BAD_INPUT when a part is missing or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.parts = parts_of(path)
        headers = [_open(part) for part in self.parts]
        require_one_split(self.parts, [header.fields for _, header in headers])
        self._fields = headers[0][1].fields
        self.tensors: dict[str, GgufTensor] = {}
        for part, (data, header) in zip(self.parts, headers, strict=True):
            found = {e.name: GgufTensor(part.name, e, data, header.data_start + e.offset) for e in header.tensors}
            if twice := found.keys() & self.tensors.keys():
                raise broken(part.name, f"{min(twice)} is in two parts")
            _require_room(part.name, found, header)
            self.tensors |= found

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a field, or `default`."""
        value = self._fields.get(key, default)
        return value.tolist() if isinstance(value, np.ndarray) else value

    @property
    def architecture(self) -> str:
        return str(self.get("general.architecture", ""))

    def of_architecture(self, key: str, default: Any = None) -> Any:
        """The value of ``<architecture>.<key>``, or `default`."""
        return self.get(f"{self.architecture}.{key}", default)

    def shape(self, name: str) -> tuple[int, ...]:
        """Rows first, as in the Hugging Face layout."""
        return self.tensors[name].entry.shape

    def require_readable(self, name: str) -> None:
        """Raise AppError UNSUPPORTED_ARCHITECTURE for a tensor of a type that cannot be unpacked."""
        tensor = self.tensors[name]
        if not can_unpack(tensor.entry.kind):
            raise AppError(
                ErrorCode.UNSUPPORTED_ARCHITECTURE,
                msg(
                    "{name} holds tensors of type {type} (“{tensor}”) that this version cannot read.",
                    name=tensor.file_name,
                    type=type_name(tensor.entry.kind),
                    tensor=name,
                ),
                msg("Choose a file of another quantization of this model, such as Q4_K_M or Q8_0."),
            )

    def values(self, name: str, order: NDArray[np.intp] | None = None) -> Iterator[NDArray[np.float32]]:
        """The tensor's numbers in chunks of rows, unpacked to float32. `order` permutes the rows.

        Raises AppError WEIGHTS_CORRUPT for what is no number.
        """
        tensor = self.tensors[name]
        rows = tensor.rows()
        matrix = len(tensor.entry.shape) > 1
        if order is not None and matrix:
            rows = rows[order]
        step = max(1, CHUNK_ELEMENTS // tensor.entry.shape[-1])
        for start in range(0, len(rows), step):
            with np.errstate(all="ignore"):
                unpacked = gguf.dequantize(_typed(rows[start : start + step], tensor.tensor_type), tensor.tensor_type)
            if not np.isfinite(unpacked).all():
                raise broken(tensor.file_name, f"{name} holds what is no number")
            if order is not None and not matrix:
                unpacked = unpacked[:, order]
            yield np.ascontiguousarray(unpacked, dtype=np.float32)


@cache
def can_unpack(kind: int) -> bool:
    """Whether tensors of this one of ggml's types can be made into float32."""
    try:
        known = gguf.GGMLQuantizationType(kind)
        block = np.zeros((1, gguf.GGML_QUANT_SIZES[known][1]), np.uint8)
        gguf.dequantize(_typed(block, known), known)
    except (ValueError, KeyError, NotImplementedError):
        return False
    return True


def type_name(kind: int) -> str:
    """ggml's name of a type, or its number where this version knows none."""
    try:
        return gguf.GGMLQuantizationType(kind).name
    except ValueError:
        return str(kind)


def broken(name: str, details: str) -> AppError:
    """The error for a file that is no GGUF file, or damaged."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The file {name} is not a complete GGUF file.", name=name),
        msg("Fetch it again."),
        details=details,
    )


def _open(path: Path) -> tuple[memoryview, GgufHeader]:
    try:
        with source_errors(path), path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return data, read_header(data)
    except UnknownFormatError as error:
        raise AppError(
            ErrorCode.UNSUPPORTED_ARCHITECTURE,
            msg(
                "{name} is a GGUF file of a version that this version cannot read ({version}).",
                name=path.name,
                version=str(error),
            ),
            msg("Choose a newer GGUF file of this model (version 3, little-endian)."),
        ) from error
    except ValueError as error:  # an empty file cannot be mapped
        raise broken(path.name, str(error)) from error


def _require_room(name: str, tensors: dict[str, GgufTensor], header: GgufHeader) -> None:
    """Each tensor that can be read lies in the file, aligned, and over no other: shared bytes would multiply."""
    end = header.data_start
    readable = [tensor for tensor in tensors.values() if can_unpack(tensor.entry.kind)]
    for tensor in sorted(readable, key=lambda tensor: tensor.start):
        elements, _ = gguf.GGML_QUANT_SIZES[tensor.tensor_type]
        shape = tensor.entry.shape
        if not shape or min(shape) < 1 or shape[-1] % elements or tensor.entry.offset % header.alignment:
            raise broken(name, f"{tensor.entry.name} is {shape} of {tensor.tensor_type.name} at {tensor.entry.offset}")
        if tensor.start < end or tensor.start + tensor.n_bytes > len(tensor.data):
            raise broken(name, f"{tensor.entry.name} lies at {tensor.start} in {len(tensor.data)} bytes")
        end = tensor.start + tensor.n_bytes


def _typed(rows: NDArray[np.uint8], kind: gguf.GGMLQuantizationType) -> NDArray[Any]:
    """Rows of bytes as `gguf.dequantize` takes them: plain numbers as such, blocks as bytes."""
    return rows.view(_PLAIN.get(kind, np.dtype(np.uint8)))
