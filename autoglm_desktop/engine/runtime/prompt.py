"""A model's tokenizer and chat template: from messages to tokens, and back to text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message

from .template import ChatTemplate, broken

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"
_END_MARKS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "</s>")
"""Ends of a turn or text in the formats that models are trained on; many configurations name only one of theirs."""
_SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class TokenizerBundle:
    """Tokenizer and template of one model folder. Not bound to a thread."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self._template = template
        markers = {tokenizer.token_to_id(THINK_OPEN), tokenizer.token_to_id(THINK_CLOSE)}
        added = tokenizer.get_added_tokens_decoder()
        self.hidden_ids = frozenset(i for i, token in added.items() if token.special) - markers
        """Special tokens, which are never shown; the marks of thinking are told apart later, as text."""
        self.end_ids = frozenset(i for i, token in added.items() if token.special and token.content in _END_MARKS)
        """Tokens that end an answer, beside those that the model's configuration names."""

    @classmethod
    def load(cls, folder: Path) -> TokenizerBundle:
        """Read ``tokenizer.json``, ``tokenizer_config.json`` and the template of a folder in the Hugging Face layout.

        Raises AppError: WEIGHTS_CORRUPT when the tokenizer cannot be read, TEMPLATE_BROKEN.
        """
        try:
            tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
            config = _read_config(folder)
        except Exception as error:  # tokenizers raises nothing more precise
            raise _unreadable(folder, error) from error
        return cls(tokenizer, ChatTemplate(_template_source(folder, config), _special_tokens(config)))

    def render(self, messages: Sequence[Message], *, think: bool) -> str:
        """The prompt as text, ending where the answer, or with `think` the reasoning, begins.

        Models whose template has no thinking get its opening mark put into their mouth. Raises TEMPLATE_BROKEN.
        """
        text = self._template.render(messages, think=think)
        opened = text.rstrip().endswith(THINK_OPEN)
        if think and not opened:
            return f"{text}{THINK_OPEN}\n"
        if opened and not think:
            return f"{text.rstrip()}\n\n{THINK_CLOSE}\n\n"
        return text

    def encode(self, text: str) -> list[int]:
        """Tokens of a rendered text: marks such as ``<|im_end|>`` become their tokens, nothing is added around it."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """The text that a person sees: without special tokens, broken characters as U+FFFD."""
        shown = [token for token in tokens if token not in self.hidden_ids]
        text: str = self.tokenizer.decode(shown, skip_special_tokens=False)
        return text


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return {}
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config


def _template_source(folder: Path, config: dict[str, Any]) -> str:
    """The file beside the configuration wins over the key inside, as in transformers."""
    path = folder / "chat_template.jinja"
    if path.exists():
        return path.read_text(encoding="utf-8")
    source = config.get("chat_template")
    if isinstance(source, list):  # several by name
        source = {entry["name"]: entry["template"] for entry in source}.get("default")
    if not isinstance(source, str):
        raise broken("the model has none")
    return source


def _special_tokens(config: dict[str, Any]) -> dict[str, str]:
    found = {name: config.get(name) for name in _SPECIAL_NAMES}
    texts = {name: value["content"] if isinstance(value, dict) else value for name, value in found.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _unreadable(folder: Path, error: Exception) -> AppError:
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The tokenizer in {folder} cannot be read.", folder=str(folder)),
        msg("Verify the model, or remove it and fetch it again."),
        details=f"{type(error).__name__}: {error}",
    )
