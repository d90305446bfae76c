"""What a path that a person gave stands for: a folder in the Hugging Face layout, or a GGUF model."""

from __future__ import annotations

from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .checkpoint import names_in, not_a_model
from .gguf_parts import is_gguf, model_in, stem_of
from .reading import source_errors
from .weight_files import is_safetensors


def located(path: Path) -> Path:
    """The folder with the safetensors, or the GGUF file (of a split one, any part). Reads no more than names.

    Raises AppError BAD_INPUT for what is neither: nothing there, a pipe, a device, a file or folder of another kind.
    """
    with source_errors(path):
        if path.is_file() and is_gguf(path):
            return path
        if not path.is_dir():
            raise _neither(path)
    names = names_in(path)
    if any(is_safetensors(name) for name in names):
        return path
    found = model_in(path, names) or path
    if found == path and not {"config.json", "adapter_config.json"} & set(names):
        raise not_a_model(path, "no config.json")
    return found


def given_name(path: Path) -> str:
    """The model's name in the path: of its folder, or of its file without suffix and number of the part."""
    return path.resolve().name if path.is_dir() else stem_of(path)


def _neither(path: Path) -> AppError:
    if not path.exists():
        return AppError(
            ErrorCode.BAD_INPUT,
            msg("There is nothing at {path}.", path=str(path)),
            msg("Give a folder in the Hugging Face layout, or a .gguf file."),
        )
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("{path} is neither a folder nor a .gguf file.", path=str(path)),
        msg("Give a folder in the Hugging Face layout, or a .gguf file."),
    )
