"""A folder in the Hugging Face layout: what it holds, and why it may be refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg

from . import manifest, safetensors_file
from .catalogue import require_runnable

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as an object. Raises AppError BAD_INPUT when there is none or it is no JSON object."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _not_a_model(folder, str(error)) from error
    if not isinstance(config, dict):
        raise _not_a_model(folder, "config.json is not an object")
    return config


def inspect(folder: Path) -> dict[str, Any]:
    """Check a folder before it is used; returns its config.

    Raises AppError: UNSAFE_CHECKPOINT (pickled weights, remote code), UNSUPPORTED_ARCHITECTURE, WEIGHTS_CORRUPT,
    BAD_INPUT (no model at all).
    """
    _refuse_code(folder)
    config = read_config(folder)
    if "auto_map" in config:
        raise _unsafe(msg("The model wants to run code of its own (auto_map in config.json)."))
    require_runnable(str(config.get("model_type", "")))
    weights = list(folder.glob("*.safetensors"))
    if not weights:
        raise _not_a_model(folder, "no *.safetensors")
    if not (folder / "tokenizer.json").is_file():
        raise _not_a_model(folder, "no tokenizer.json")
    for path in weights:
        _require_whole(path)
    _require_all_shards(folder)
    return config


def files_of(folder: Path) -> list[Path]:
    """The files that make up the model: weights, configuration, tokenizer; not what else lies there.

    The note of this application in a copied model of its own is about that one.
    """
    parts = (path for path in folder.iterdir() if path.suffix in (".safetensors", ".json", ".jinja"))
    return sorted(path for path in parts if path.name != manifest.NAME)


def _refuse_code(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _PICKLES:
            raise _unsafe(
                msg("{name} is a pickled checkpoint, which can run any code when it is read.", name=path.name)
            )
        if path.suffix.lower() in (".py", ".so", ".dll", ".pyd"):
            raise _unsafe(msg("The folder holds program code ({name}).", name=path.name))


def _require_whole(path: Path) -> None:
    try:
        safetensors_file.require_whole(path)
    except ValueError as error:
        raise AppError(
            ErrorCode.WEIGHTS_CORRUPT,
            msg("The file {name} is not a complete safetensors file.", name=path.name),
            msg("Fetch it again."),
            details=str(error),
        ) from error


def _require_all_shards(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return
    named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    if missing := sorted(name for name in named if not (folder / name).is_file()):
        raise AppError(
            ErrorCode.WEIGHTS_CORRUPT,
            msg("The model lacks the file {name}.", name=missing[0]),
            msg("Fetch it again."),
        )


def _unsafe(cause: Text) -> AppError:
    return AppError(
        ErrorCode.UNSAFE_CHECKPOINT,
        cause,
        msg("Use a version of the model with weights in the safetensors format and without code."),
    )


def _not_a_model(folder: Path, details: str) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("{path} does not hold a model in the Hugging Face layout.", path=str(folder)),
        msg("It needs config.json, tokenizer.json and weights as *.safetensors; or give a .gguf file."),
        details=details,
    )
