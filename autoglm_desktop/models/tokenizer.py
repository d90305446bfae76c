"""Byte-level BPE tokenizers from the fields of a GGUF file, by the `tokenizers` library.

GGUF names the splitting of text before BPE (``tokenizer.ggml.pre``) instead of storing it. The table below gives each
name the splitting and normalization of the publisher's own ``tokenizer.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

CONTROL = 3
USER_DEFINED = 4
"""Token types of GGUF (``gguf.TokenType``): both are matched whole in the text; control tokens are special as well."""

_QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3_WORDS = _QWEN2_WORDS.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """What a GGUF file says of its tokenizer: `tokens` by id, `types` of each, `merges` as ``"left right"``."""

    pre: str
    tokens: Sequence[str]
    types: Sequence[int]
    merges: Sequence[str]
    bos_id: int | None = None
    add_bos: bool = False


def _bytes_after(*steps: Any) -> Any:
    return pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _words(pattern: str) -> Any:
    return _bytes_after(pre_tokenizers.Split(Regex(pattern), behavior="isolated"))


def _gpt2() -> Any:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _digits_then_gpt2() -> Any:
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _gpt2()])


_PRE_TOKENIZERS: dict[str, Callable[[], Any]] = {
    "qwen2": lambda: _words(_QWEN2_WORDS),
    "llama-bpe": lambda: _words(_LLAMA3_WORDS),
    "smollm": _digits_then_gpt2,
    "gpt-2": _gpt2,
    "default": _gpt2,
}
_COMPOSED = {"qwen2"}
"""Names whose publisher composes characters first (Unicode NFC)."""
_WHOLE_WORDS_FIRST = {"llama-bpe"}
"""Names whose publisher takes a word that is in the vocabulary as it is, without applying merges."""


def build(source: GgufTokenizer) -> Tokenizer:
    """The tokenizer.

    Raises AppError: UNSUPPORTED_ARCHITECTURE for a splitting that we do not know, WEIGHTS_CORRUPT for what is none.
    """
    if source.pre not in _PRE_TOKENIZERS:
        raise AppError(
            ErrorCode.UNSUPPORTED_ARCHITECTURE,
            msg("This version does not know the tokenizer “{name}” of this model.", name=source.pre[:200]),
            msg("Get the model in the Hugging Face layout (with tokenizer.json) and add that folder."),
        )
    tokenizer = Tokenizer(_bpe(source))
    if source.pre in _COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _PRE_TOKENIZERS[source.pre]()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = _post_processor(source)
    tokenizer.add_tokens(
        [
            AddedToken(token, special=kind == CONTROL, normalized=False)
            for token, kind in zip(source.tokens, source.types, strict=True)
            if kind in (CONTROL, USER_DEFINED)
        ]
    )
    return tokenizer


def _bpe(source: GgufTokenizer) -> BPE:
    vocabulary = {token: index for index, token in enumerate(source.tokens)}
    merges = [_pair(merge) for merge in source.merges]
    try:
        return BPE(vocab=vocabulary, merges=merges, ignore_merges=source.pre in _WHOLE_WORDS_FIRST)
    except Exception as error:  # tokenizers raises nothing more precise
        raise faulty("tokenizer.ggml.merges", str(error)) from error


def faulty(field: str, details: str) -> AppError:
    """The error for a tokenizer that contradicts itself or the model."""
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The model's tokenizer is faulty: “{field}” is missing or does not fit the rest.", field=field),
        msg("Choose another version of the model."),
        details=details,
    )


def pre_name(tokenizer_json: dict[str, Any]) -> str | None:
    """GGUF's name for the splitting of a ``tokenizer.json``, or None for one that we do not know."""
    for name, make in _PRE_TOKENIZERS.items():
        if _essence(_as_json(make())) == _essence(tokenizer_json.get("pre_tokenizer")):
            return name
    return None


def _post_processor(source: GgufTokenizer) -> Any:
    if not source.add_bos or source.bos_id is None:
        return processors.ByteLevel(trim_offsets=False)
    bos = source.tokens[source.bos_id]
    return processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, source.bos_id)]
    )


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right


def _as_json(pre_tokenizer: Any) -> Any:
    blank = Tokenizer(BPE())
    blank.pre_tokenizer = pre_tokenizer
    return json.loads(blank.to_str())["pre_tokenizer"]


def _essence(part: Any) -> Any:
    """What decides how text is split: offsets do not, nor does a sequence of one."""
    if isinstance(part, dict):
        steps = part.get("pretokenizers")
        if isinstance(steps, list) and len(steps) == 1:
            return _essence(steps[0])
        return {key: _essence(value) for key, value in part.items() if key != "trim_offsets"}
    return [_essence(item) for item in part] if isinstance(part, list) else part
