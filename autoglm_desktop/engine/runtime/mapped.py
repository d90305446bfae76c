"""Safetensors files, memory-mapped as one piece: neighbouring tensors can be seen as one without a copy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I8": torch.int8,
    "U8": torch.uint8,
}


class MappedFile:
    """The tensors of one file. Pages are read when they are used, and belong to the file, not to the process."""

    def __init__(self, path: Path) -> None:
        """Raises SafetensorError or OSError when the file is absent, truncated or damaged."""
        safe_open(path, framework="pt")  # checks header, sizes and overlaps
        with path.open("rb") as file:
            header_bytes = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(header_bytes))
        header.pop("__metadata__", None)
        self._entries: dict[str, tuple[str, tuple[int, ...], int]] = {
            name: (entry["dtype"], tuple(entry["shape"]), 8 + header_bytes + entry["data_offsets"][0])
            for name, entry in header.items()
        }
        self._bytes = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> Iterable[str]:
        """The names of all tensors."""
        return self._entries.keys()

    def get(self, name: str) -> torch.Tensor:
        """The tensor, mapped. Raises KeyError when there is none, SafetensorError for a type that no weight has."""
        kind, shape, start = self._entries[name]
        dtype = _DTYPES.get(kind)
        if dtype is None:
            raise SafetensorError(f"{name} is {kind}")
        data = self._bytes[start : start + prod(shape) * dtype.itemsize]
        if start % dtype.itemsize:
            data = data.clone()
        return data.view(dtype).view(shape)
