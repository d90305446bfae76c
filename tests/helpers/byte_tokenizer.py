"""Byte tokenizers with the added tokens that a test needs, and bundles of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from autoglm_desktop.engine.runtime.prompt import TokenizerBundle
from autoglm_desktop.templates.template import ChatTemplate

CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
INNER = ("<think>", "</think>", "<tool_call>", "</tool_call>")


def byte_tokenizer(
    added: Sequence[str | AddedToken] = (*CONTROL, *INNER), *, words: Sequence[str] = (), **changes: Any
) -> Tokenizer:
    """Every byte is a token, `words` are of the vocabulary. `changes` set parts, such as ``normalizer``."""
    vocabulary = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *words]
    tokenizer = Tokenizer(models.BPE(vocab={sign: i for i, sign in enumerate(vocabulary)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([_added(token) for token in added])
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    return tokenizer


def bundle_of(template: str, tokenizer: Tokenizer | None = None, **special_tokens: str) -> TokenizerBundle:
    return TokenizerBundle(tokenizer or byte_tokenizer(), ChatTemplate(template, special_tokens))


def write_byte_model(folder: Path, template: str, tokenizer: Tokenizer, **config: Any) -> Path:
    """A folder in the Hugging Face layout, without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template} | config), encoding="utf-8")
    return folder


def _added(token: str | AddedToken) -> AddedToken:
    return AddedToken(token, special=token in CONTROL, normalized=False) if isinstance(token, str) else token
