"""A GGUF model, read and checked as a whole before any of it is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tokenizers import Tokenizer

from autoglm_desktop.core.architectures import ARCHITECTURES
from autoglm_desktop.core.decoder_config import ModelConfig
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.templates.template import special_tokens

from . import chat_format, tokenizer
from .catalogue import require_runnable
from .gguf_config import generation_config, model_config, token_id
from .gguf_file import GgufFile
from .names import from_interleaved, gguf_name, hf_name
from .weights_needed import needed, optional, require_weights

_DERIVED = ("rope_freqs", "attn_rot_embd")
"""Weights that follow from the configuration."""


@dataclass(frozen=True, slots=True)
class PlannedTensor:
    """A tensor to write: `order` permutes its rows."""

    source: str
    name: str
    shape: tuple[int, ...]
    order: NDArray[np.intp] | None

    @property
    def n_bytes(self) -> int:
        return 2 * prod(self.shape)


@dataclass(frozen=True, slots=True)
class GgufModel:
    """What a GGUF model becomes: the contents of the files in the Hugging Face layout."""

    file: GgufFile
    described: ModelConfig
    config: dict[str, Any]
    generation: dict[str, Any]
    plan: tuple[PlannedTensor, ...]
    tokenizer: Tokenizer
    tokenizer_config: dict[str, Any]
    template: str
    own_template: bool

    @property
    def master_bytes(self) -> int:
        """How large its bf16 master will be."""
        return sum(planned.n_bytes for planned in self.plan)


class _TokenizerFields(BaseModel):
    """The fields ``tokenizer.ggml.*``, by their names there."""

    model_config = ConfigDict(strict=True, frozen=True)

    model: str
    pre: str = "default"
    tokens: Annotated[list[str], Field(min_length=1)]
    token_type: list[int] | None = None
    merges: list[str]
    add_bos_token: bool = False


def read_gguf(path: Path) -> GgufModel:
    """Read the model of a GGUF file, or of the parts that lie beside it.

    Raises AppError: UNSUPPORTED_ARCHITECTURE, WEIGHTS_CORRUPT, TEMPLATE_BROKEN, BAD_INPUT (unreadable, a part missing).
    """
    file = GgufFile(path)
    require_runnable(file.architecture)
    generation = generation_config(file)
    config, described = model_config(file, generation)
    plan = tuple(_plan(file, described))
    fields = _tokenizer_fields(file, described.vocab)
    tokenizer_config = _tokenizer_config(file, fields, described)
    own = file.get("tokenizer.chat_template")
    template = chat_format.chosen(own, set(fields.tokens).__contains__, special_tokens(tokenizer_config))
    return GgufModel(
        file=file,
        described=described,
        config=config,
        generation=generation,
        plan=plan,
        tokenizer=_tokenizer(file, fields),
        tokenizer_config=tokenizer_config,
        template=template,
        own_template=template == own,
    )


def _plan(file: GgufFile, described: ModelConfig) -> list[PlannedTensor]:
    wanted = dict((*needed(described), *optional(described)))
    plan = []
    for source in file.tensors:
        name = hf_name(source)
        if name in wanted:
            plan.append(PlannedTensor(source, name, file.shape(source), None))
        elif _would_be_missed(source, name, described):
            raise AppError(
                ErrorCode.UNSUPPORTED_ARCHITECTURE,
                msg("This version does not know the weights “{name}” of this model.", name=source[:200]),
                msg("Choose another model; a newer version may know it."),
            )
    require_weights(described, {planned.name: planned.shape for planned in plan}, _shown)
    for planned in plan:
        file.require_readable(planned.source)
    return [PlannedTensor(p.source, p.name, p.shape, _row_order(described, p)) for p in plan]


def _would_be_missed(source: str, name: str | None, described: ModelConfig) -> bool:
    """Whether a surplus tensor belongs to what is computed; others are left out: more layers, other heads."""
    stem, _, part = source.removeprefix("blk.").partition(".")
    if source.startswith("blk.") and stem.isdecimal():
        return int(stem[:9]) < described.n_layers and not part.startswith(_DERIVED)
    return name is not None


def _shown(name: str) -> str:
    return f"{gguf_name(name)} ({name})"


def _row_order(described: ModelConfig, planned: PlannedTensor) -> NDArray[np.intp] | None:
    if not ARCHITECTURES[described.architecture].interleaved:
        return None
    if ".attn_q." in planned.source:
        return from_interleaved(planned.shape[0], described.n_heads)
    if ".attn_k." in planned.source:
        return from_interleaved(planned.shape[0], described.n_kv_heads)
    return None


def _tokenizer_fields(file: GgufFile, vocab: int) -> _TokenizerFields:
    _require_byte_level(file)
    prefix = "tokenizer.ggml."
    values = {name: file.get(prefix + name) for name in _TokenizerFields.model_fields}
    try:
        fields = _TokenizerFields.model_validate({key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise tokenizer.faulty(prefix + str(first["loc"][0]), first["msg"]) from error
    if fields.token_type is not None and len(fields.token_type) != len(fields.tokens):
        raise tokenizer.faulty(f"{prefix}token_type", f"{len(fields.token_type)} for {len(fields.tokens)} tokens")
    if len(fields.tokens) > vocab:
        raise tokenizer.faulty(f"{prefix}tokens", f"{len(fields.tokens)} for {vocab} rows of the embedding")
    return fields


def _require_byte_level(file: GgufFile) -> None:
    if (kind := file.get("tokenizer.ggml.model", "gpt2")) != "gpt2":
        raise AppError(
            ErrorCode.UNSUPPORTED_ARCHITECTURE,
            msg(
                "This version knows byte-level BPE tokenizers only; this model has “{name}”.",
                name=str(kind)[:200],
            ),
            msg("Get the model in the Hugging Face layout (with tokenizer.json) and add that folder."),
        )


def _tokenizer(file: GgufFile, fields: _TokenizerFields) -> Tokenizer:
    source = tokenizer.GgufTokenizer(
        pre=fields.pre,
        tokens=fields.tokens,
        types=fields.token_type or [1] * len(fields.tokens),
        merges=fields.merges,
        bos_id=token_id(file, "bos"),
        add_bos=fields.add_bos_token,
    )
    return tokenizer.build(source)


def _tokenizer_config(file: GgufFile, fields: _TokenizerFields, described: ModelConfig) -> dict[str, Any]:
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": described.context_tokens,
    }
    for role, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")):
        index = token_id(file, key)
        config[f"{role}_token"] = None if index is None else fields.tokens[index]
    return config
