"""A checkpoint's ``config.json`` and ``generation_config.json``, checked and made into a `ModelConfig`.

The engine reads an installed model by this, and the library one that is to be added, so that both refuse the same.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from math import log
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .architectures import ARCHITECTURES, Architecture
from .decoder_config import (
    ContextTokens,
    Epsilon,
    Factor,
    HeadDim,
    Heads,
    Layers,
    ModelConfig,
    Positive,
    RopeConfig,
    RopeKind,
    Theta,
    Vocabulary,
    Width,
)
from .errors import AppError, ErrorCode
from .i18n import msg
from .text_files import decode, parse_json

Fraction = Annotated[float, Field(gt=0.0, le=1.0)]
_NO_NAMES: Mapping[str, str] = {}


class _Json(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, frozen=True)


class _Rope(_Json):
    """``rope_parameters`` (transformers 5) or ``rope_scaling`` (before), but for its kind."""

    rope_theta: Theta | None = None
    factor: Factor | None = None
    original_max_position_embeddings: Annotated[ContextTokens, Field(strict=False)] | None = None
    low_freq_factor: Positive | None = None
    high_freq_factor: Positive | None = None
    beta_fast: Positive | None = None
    beta_slow: Positive | None = None
    attention_factor: Positive | None = None
    mscale: Positive | None = None
    mscale_all_dim: Positive | None = None
    truncate: bool | None = None
    partial_rotary_factor: Fraction | None = None


class _Decoder(_Json):
    hidden_size: Width
    intermediate_size: Width
    num_hidden_layers: Layers
    num_attention_heads: Heads
    num_key_value_heads: Heads | None = None
    head_dim: HeadDim | None = None
    vocab_size: Vocabulary
    max_position_embeddings: ContextTokens
    rms_norm_eps: Epsilon
    rope_theta: Theta | None = None
    partial_rotary_factor: Fraction | None = None
    tie_word_embeddings: bool = False
    attention_bias: bool | None = None
    eos_token_id: int | list[int] | None = None


class _Generation(_Json):
    eos_token_id: int | list[int] | None = None


_Checked = TypeVar("_Checked", bound=BaseModel)


def read(folder: Path) -> ModelConfig:
    """The description of the decoder in a Hugging Face folder.

    Raises AppError: MODEL_MISSING without a config, WEIGHTS_CORRUPT when it cannot be understood,
    UNSUPPORTED_ARCHITECTURE for a decoder that is not implemented.
    """
    raw = _read_json(folder / "config.json")
    if raw is None:
        raise AppError(
            ErrorCode.MODEL_MISSING,
            msg("There is no model in {path}: config.json is missing.", path=str(folder)),
            msg("Download the model again, or choose another one."),
        )
    return describe(raw, _read_json(folder / "generation_config.json") or {})


def describe(
    config: Mapping[str, Any], generation: Mapping[str, Any], names: Mapping[str, str] = _NO_NAMES
) -> ModelConfig:
    """The decoder of these two files. `names`: what a field is called where it came from, for messages.

    Raises AppError: WEIGHTS_CORRUPT, UNSUPPORTED_ARCHITECTURE.
    """
    name = str(config.get("model_type"))
    architecture = ARCHITECTURES.get(name)
    if architecture is None:
        raise unsupported(name)
    _refuse_variants(name, config)
    decoder = _checked(_Decoder, config, names)
    if decoder.head_dim is None and decoder.hidden_size % decoder.num_attention_heads:
        parts = [names.get(name, name) for name in ("hidden_size", "num_attention_heads")]
        raise _impossible(" / ".join(parts), decoder.hidden_size / decoder.num_attention_heads)
    head_dim = decoder.head_dim or decoder.hidden_size // decoder.num_attention_heads
    n_kv_heads = decoder.num_key_value_heads or decoder.num_attention_heads
    if decoder.num_attention_heads % n_kv_heads:
        raise _impossible(names.get("num_key_value_heads", "num_key_value_heads"), n_kv_heads)
    ends = _checked(_Generation, generation, names).eos_token_id
    try:
        return ModelConfig(
            architecture=name,
            n_layers=decoder.num_hidden_layers,
            hidden=decoder.hidden_size,
            intermediate=decoder.intermediate_size,
            n_heads=decoder.num_attention_heads,
            n_kv_heads=n_kv_heads,
            head_dim=head_dim,
            vocab=decoder.vocab_size,
            context_tokens=decoder.max_position_embeddings,
            rms_eps=decoder.rms_norm_eps,
            rope=_rope(architecture, config, decoder, head_dim, names),
            tie_embeddings=decoder.tie_word_embeddings,
            qk_norm=architecture.qk_norm,
            eos_token_ids=_ids(decoder.eos_token_id if ends is None else ends),
            qkv_bias=architecture.qkv_bias or bool(decoder.attention_bias),
        )
    except ValidationError as error:
        raise _wrong(error, names) from error


def unsupported(architecture: str) -> AppError:
    """The error for a model that this engine cannot run; names those that it can."""
    return AppError(
        ErrorCode.UNSUPPORTED_ARCHITECTURE,
        msg("Models of the kind {kind} cannot be run.", kind=architecture[:200]),
        msg("Choose a model of one of these kinds: {kinds}.", kinds=", ".join(ARCHITECTURES)),
    )


def corrupt_config(path: Path, details: str) -> AppError:
    """The error for a configuration file that is damaged."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The model's configuration cannot be read: {path}.", path=str(path)),
        msg("Download the model again."),
        details=details,
    )


def _refuse_variants(name: str, config: Mapping[str, Any]) -> None:
    """What these families may have and this decoder does not compute: unnoticed, the answers would be wrong."""
    if (act := config.get("hidden_act", "silu")) != "silu":
        raise unsupported(f"{name} ({act})")
    layer_types = config.get("layer_types") or []
    slides = isinstance(layer_types, list) and any(kind != "full_attention" for kind in layer_types)
    if slides or (config.get("use_sliding_window") and config.get("sliding_window")):
        raise unsupported(f"{name} (sliding window)")
    if config.get("quantization_config"):
        raise unsupported(f"{name} (quantization_config)")
    for key in ("mlp_bias", "num_experts", "num_local_experts"):
        if config.get(key):
            raise unsupported(f"{name} ({key})")


def _rope(
    architecture: Architecture, config: Mapping[str, Any], decoder: _Decoder, head_dim: int, names: Mapping[str, str]
) -> RopeConfig:
    raw = config.get("rope_parameters") or config.get("rope_scaling") or {}
    rope = _checked(_Rope, raw, names)
    kind = raw.get("rope_type") or raw.get("type") or "default"
    if kind not in get_args(RopeKind):
        raise unsupported(f"{architecture.name} (rope {kind})")
    original = rope.original_max_position_embeddings
    factor = rope.factor
    if kind == "yarn" and factor is None and original is not None:
        factor = decoder.max_position_embeddings / original
    if kind != "default" and factor is None:
        raise unsupported(f"{architecture.name} (rope {kind}, factor missing)")
    part = rope.partial_rotary_factor or decoder.partial_rotary_factor or 1.0
    low, high = rope.low_freq_factor or 1.0, rope.high_freq_factor or 4.0
    if low >= high:
        raise _impossible("high_freq_factor", high)
    return RopeConfig(
        theta=rope.rope_theta or decoder.rope_theta or 10_000.0,
        rotary_dim=int(head_dim * part),
        kind=cast("RopeKind", kind),
        factor=factor or 1.0,
        original_context_tokens=original or decoder.max_position_embeddings,
        low_freq_factor=low,
        high_freq_factor=high,
        beta_fast=rope.beta_fast or 32.0,
        beta_slow=rope.beta_slow or 1.0,
        attention_factor=_attention_factor(rope, factor or 1.0),
        truncate=rope.truncate is not False,
    )


def _attention_factor(rope: _Rope, factor: float) -> float | None:
    """YaRN's, as DeepSeek's models spell it by two scales, else None: the decoder has the formula of the paper."""
    if rope.attention_factor is None and rope.mscale and rope.mscale_all_dim and factor > 1:
        return (0.1 * rope.mscale * log(factor) + 1.0) / (0.1 * rope.mscale_all_dim * log(factor) + 1.0)
    return rope.attention_factor


def _ids(value: int | list[int] | None) -> tuple[int, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _checked(kind: type[_Checked], raw: object, names: Mapping[str, str]) -> _Checked:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise _wrong(error, names) from error


def _wrong(error: ValidationError, names: Mapping[str, str]) -> AppError:
    first = error.errors(include_url=False)[0]
    field = next((part for part in first["loc"] if isinstance(part, str)), "rope_parameters")
    field = names.get(field, field)
    if first["type"] != "missing":
        return _impossible(field, first["input"], str(first["msg"]))
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The model's configuration does not have “{field}”.", field=field),
        msg("Choose another version of the model, or correct its configuration."),
    )


def _impossible(field: str, value: object, details: str = "") -> AppError:
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg(
            "The model's configuration gives “{field}” as {value}, which is not possible.",
            field=field,
            value=reprlib.repr(value),
        ),
        msg("Choose another version of the model, or correct its configuration."),
        details=details,
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        loaded = parse_json(decode(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise corrupt_config(path, str(error)) from error
    if not isinstance(loaded, dict):
        raise corrupt_config(path, "not a JSON object")
    return loaded
