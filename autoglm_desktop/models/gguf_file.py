"""Reading a GGUF file: its fields as plain Python values, its tensors row by row as float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

CHUNK_ELEMENTS = 1 << 22
"""How many numbers are unpacked at once: 16 MiB of float32 bounds the memory, whatever the tensor."""


class _Reader(gguf.GGUFReader):
    """gguf's reader over a plain array: slicing a `numpy.memmap` for each word of a vocabulary takes twice as long."""

    @property
    def data(self) -> Any:
        return self._data

    @data.setter
    def data(self, mapped: Any) -> None:
        self._data = mapped.view(np.ndarray)


class GgufFile:
    """An open GGUF file. Raises AppError WEIGHTS_CORRUPT when it is none, or cut short."""

    def __init__(self, path: Path) -> None:
        try:
            self._reader = _Reader(path)
        except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError, MemoryError) as error:
            raise AppError(
                ErrorCode.WEIGHTS_CORRUPT,
                msg("The file {name} is not a complete GGUF file.", name=path.name),
                msg("Fetch it again."),
                details=repr(error),
            ) from error
        self.tensors: dict[str, Any] = {tensor.name: tensor for tensor in self._reader.tensors}

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a field, or `default`."""
        field = self._reader.get_field(key)
        return default if field is None else field.contents()

    @property
    def architecture(self) -> str:
        return str(self.get("general.architecture", ""))

    def of_architecture(self, key: str, default: Any = None) -> Any:
        """The value of ``<architecture>.<key>``, or `default`."""
        return self.get(f"{self.architecture}.{key}", default)

    def shape(self, name: str) -> tuple[int, ...]:
        """Rows first, as in the Hugging Face layout."""
        return tuple(int(n) for n in reversed(self.tensors[name].shape))

    def values(self, name: str, order: NDArray[np.intp] | None = None) -> Iterator[NDArray[np.float32]]:
        """The tensor's numbers in chunks of rows, unpacked to float32. `order` permutes the rows."""
        tensor = self.tensors[name]
        rows = tensor.data if tensor.data.ndim > 1 else tensor.data[np.newaxis]
        if order is not None:
            rows = rows[order] if tensor.data.ndim > 1 else tensor.data[order][np.newaxis]
        step = max(1, CHUNK_ELEMENTS // int(tensor.shape[0]))
        for start in range(0, len(rows), step):
            unpacked = gguf.dequantize(rows[start : start + step], tensor.tensor_type)
            yield np.ascontiguousarray(unpacked, dtype=np.float32)
