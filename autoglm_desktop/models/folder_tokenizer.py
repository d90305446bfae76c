"""The tokenizer of a Hugging Face folder, read as the engine will read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Tokenizer

from autoglm_desktop.core.text_files import decode

from .reading import read_bytes, read_object, unusable
from .tokenizer import faulty

_CONFIG = "tokenizer_config.json"


class _Token(BaseModel):
    model_config = ConfigDict(strict=True)

    content: str


class _TokenizerConfig(BaseModel):
    """The special tokens that a template may name; the rest of the file is not used."""

    model_config = ConfigDict(strict=True)

    bos_token: str | _Token | None = None
    eos_token: str | _Token | None = None
    unk_token: str | _Token | None = None
    sep_token: str | _Token | None = None
    pad_token: str | _Token | None = None
    cls_token: str | _Token | None = None
    mask_token: str | _Token | None = None


def read_tokenizer(folder: Path, names: Sequence[str], vocab: int) -> tuple[Tokenizer, dict[str, Any]]:
    """``tokenizer.json`` and ``tokenizer_config.json`` ({} where there is none).

    Raises AppError: BAD_INPUT for a damaged file, WEIGHTS_CORRUPT for tokens that the model has no embedding of.
    """
    path = folder / "tokenizer.json"
    content = read_bytes(path)
    try:
        tokenizer = Tokenizer.from_str(decode(content))
    except Exception as error:  # tokenizers raises nothing more precise
        raise unusable(path, str(error)) from error
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if not 0 <= highest < vocab:
        raise faulty("tokenizer.json", f"a token {highest} for {vocab} rows of the embedding")
    config = read_object(folder / _CONFIG) if _CONFIG in names else {}
    try:
        _TokenizerConfig.model_validate(config)
    except ValidationError as error:
        raise unusable(folder / _CONFIG, str(error)) from error
    return tokenizer, config
