"""Reading safetensors without torch: the header, and 16- or 32-bit tensors as float32.

Format: the header's length (u64, little endian), the header as JSON, the data. https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from safetensors import SafetensorError, safe_open

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .bf16 import from_bf16
from .reading import source_errors

HEADER_LIMIT_BYTES = 100_000_000
_NUMPY: dict[str, np.dtype[Any]] = {"BF16": np.dtype("<u2"), "F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in a file: `start` is its first byte from the file's beginning."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int

    def raw(self) -> NDArray[Any]:
        """Its numbers as they are stored (BF16 as uint16), mapped. Raises KeyError unless BF16, F16 or F32."""
        return np.memmap(self.path, _NUMPY[self.dtype], mode="r", offset=self.start, shape=self.shape)

    def values(self) -> NDArray[np.float32]:
        """Its numbers as float32. Raises as `raw`."""
        stored = self.raw()
        return from_bf16(stored) if self.dtype == "BF16" else np.asarray(stored, dtype=np.float32)


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header and where the data begins. Raises ValueError when the file is cut short or no safetensors at all."""
    with path.open("rb") as file:
        beginning = file.read(8)
        if len(beginning) < 8:
            raise ValueError("no header")
        (length,) = struct.unpack("<Q", beginning)
        if length > HEADER_LIMIT_BYTES:
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header, 8 + length


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)

    dtype: str
    shape: list[Annotated[int, Field(ge=0)]]
    data_offsets: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


_ENTRIES = TypeAdapter(dict[str, _Entry])


def write_header(entries: dict[str, Any]) -> bytes:
    """The beginning of a safetensors file of these entries, padded so that the data is aligned."""
    text = json.dumps({"__metadata__": {"format": "pt"}, **entries}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def require_whole(path: Path) -> None:
    """Raise AppError WEIGHTS_CORRUPT unless the library itself opens the file: all offsets fit, none overlap."""
    try:
        with source_errors(path), safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise incomplete(path, str(error)) from error


def open_checked(path: Path) -> dict[str, Tensor]:
    """Every tensor of one file, by name. Raises AppError: WEIGHTS_CORRUPT, BAD_INPUT for a file that cannot be read."""
    try:
        with source_errors(path):
            header, begin = read_header(path)
        entries = _ENTRIES.validate_python({name: e for name, e in header.items() if name != "__metadata__"})
    except (ValueError, RecursionError) as error:  # pydantic's and json's are ValueErrors
        raise incomplete(path, str(error)) from error
    return {
        name: Tensor(path, name, entry.dtype, tuple(entry.shape), begin + entry.data_offsets[0])
        for name, entry in entries.items()
    }


def incomplete(path: Path, details: str) -> AppError:
    """The error for a file that is no safetensors file, or damaged."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The file {name} is not a complete safetensors file.", name=path.name),
        msg("Fetch it again."),
        details=details,
    )


def tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of the folder's safetensors files, by name."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        header, begin = read_header(path)
        for name, entry in header.items():
            if name != "__metadata__":
                start = begin + int(entry["data_offsets"][0])
                found[name] = Tensor(path, name, entry["dtype"], tuple(entry["shape"]), start)
    return found
