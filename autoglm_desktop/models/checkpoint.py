"""A folder in the Hugging Face layout: what it holds, and why it may be refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoglm_desktop.core.checkpoint_config import describe
from autoglm_desktop.core.decoder_config import ModelConfig
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.templates.template import special_tokens

from . import chat_format, manifest
from .catalogue import require_runnable
from .folder_tokenizer import read_tokenizer
from .reading import read_object, source_errors
from .safetensors_file import Tensor, open_checked, require_whole
from .weight_files import INDEX, SINGLE, index_of, weight_files
from .weights_needed import needed, optional, require_weights

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")
_CODE = (".py", ".so", ".dll", ".pyd")
_FLOATS = ("BF16", "F16", "F32", "F64")
_TEMPLATE = "chat_template.jinja"
_ENTRIES = 10_000
"""A model's folder has dozens; more are not looked at."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that was checked: `files` make up the model, `made` are texts by name that it needs beside them."""

    described: ModelConfig
    files: tuple[Path, ...]
    made: dict[str, str]
    own_template: bool


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as an object. Raises AppError BAD_INPUT when there is none or it is no JSON object."""
    return read_object(folder / "config.json")


def names_in(folder: Path) -> list[str]:
    """The names of the files right in a folder, sorted. Raises AppError BAD_INPUT."""
    names = []
    with source_errors(folder), os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= _ENTRIES:
                raise not_a_model(folder, f"over {_ENTRIES} entries")
            if (folder / entry.name).is_file():  # `entry.is_file` raises for a link to itself
                names.append(entry.name)
    return sorted(names)


def inspect(folder: Path) -> Checkpoint:
    """Check a folder before anything of it is used.

    Raises AppError: UNSAFE_CHECKPOINT (pickled weights, remote code), UNSUPPORTED_ARCHITECTURE, WEIGHTS_CORRUPT,
    TEMPLATE_BROKEN, BAD_INPUT (no model at all, or a file of it is damaged).
    """
    names = names_in(folder)
    _require_config(folder, names)
    _refuse_code(names)
    config = read_config(folder)
    if "auto_map" in config:
        raise _unsafe(msg("The model wants to run code of its own (auto_map in config.json)."))
    require_runnable(str(config.get("model_type", "")))
    weights = weight_files(folder, names)
    if not weights:
        raise not_a_model(folder, "no *.safetensors")
    if "tokenizer.json" not in names:
        raise not_a_model(folder, "no tokenizer.json")
    generation = read_object(folder / "generation_config.json") if "generation_config.json" in names else {}
    described = describe(config, generation)
    tensors = _tensors(folder, weights, described)
    tokenizer, tokenizer_config = read_tokenizer(folder, names, described.vocab)
    own = _own_template(folder, names, tokenizer_config)
    template = chat_format.chosen(
        own, lambda token: tokenizer.token_to_id(token) is not None, special_tokens(tokenizer_config)
    )
    made = {} if _TEMPLATE in names and template == own else {_TEMPLATE: template}
    if weights != [SINGLE] and INDEX not in names:
        made[INDEX] = index_of({name: tensor.path.name for name, tensor in tensors.items()})
    return Checkpoint(described, tuple(_files(folder, names, weights)), made, template == own)


def not_a_model(folder: Path, details: str) -> AppError:
    """The error for a folder that holds nothing that could be added."""
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("{path} does not hold a model in the Hugging Face layout.", path=str(folder)),
        msg("It needs config.json, tokenizer.json and weights as *.safetensors; or give a .gguf file."),
        details=details,
    )


def _require_config(folder: Path, names: Sequence[str]) -> None:
    if "config.json" in names:
        return
    if "adapter_config.json" in names:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("{path} holds an adapter (LoRA), which only changes another model.", path=str(folder)),
            msg("Merge it with its base model, and add the merged model."),
        )
    raise not_a_model(folder, "no config.json")


def _refuse_code(names: Sequence[str]) -> None:
    for name in names:
        if name.lower().endswith(_PICKLES):
            raise _unsafe(msg("{name} is a pickled checkpoint, which can run any code when it is read.", name=name))
        if name.lower().endswith(_CODE):
            raise _unsafe(msg("The folder holds program code ({name}).", name=name))


def _tensors(folder: Path, weights: Sequence[str], described: ModelConfig) -> dict[str, Tensor]:
    """What the files hold; all that the decoder needs is there, in types that it reads, in whole files."""
    tensors: dict[str, Tensor] = {}
    for name in weights:
        tensors |= open_checked(folder / name)
    for name, _ in (*needed(described), *optional(described)):
        if name in tensors and tensors[name].dtype not in _FLOATS:
            raise AppError(
                ErrorCode.UNSUPPORTED_ARCHITECTURE,
                msg(
                    "{name} holds tensors of type {type} (“{tensor}”) that this version cannot read.",
                    name=tensors[name].path.name,
                    type=tensors[name].dtype[:40],
                    tensor=name,
                ),
                msg("Choose a version of the model with weights in BF16, F16 or F32."),
            )
    for name in weights:
        require_whole(folder / name)
    require_weights(described, {name: tensor.shape for name, tensor in tensors.items()})
    return tensors


def _own_template(folder: Path, names: Sequence[str], tokenizer_config: dict[str, Any]) -> object:
    """The file beside the configuration wins over the key inside, as in transformers."""
    if _TEMPLATE in names:
        return chat_format.read_template(folder / _TEMPLATE)
    own = chat_format.of_tokenizer_config(tokenizer_config)
    if own is None and "chat_template.json" in names:  # where models that see keep it
        own = read_object(folder / "chat_template.json").get("chat_template")
    return own


def _files(folder: Path, names: Sequence[str], weights: Sequence[str]) -> list[Path]:
    """Weights, configuration, tokenizer; not what else lies there, nor the note about a copied model of ours."""
    unused = {manifest.NAME, INDEX} if weights == [SINGLE] else {manifest.NAME}
    texts = [name for name in names if name.endswith((".json", ".jinja")) and name not in unused]
    return [folder / name for name in sorted({*weights, *texts})]


def _unsafe(cause: Text) -> AppError:
    return AppError(
        ErrorCode.UNSAFE_CHECKPOINT,
        cause,
        msg("Use a version of the model with weights in the safetensors format and without code."),
    )
