"""A model's tokenizer and chat template: from messages to tokens, and back to text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message
from autoglm_desktop.core.text_files import NotTextError, decode, parse_json
from autoglm_desktop.core.thinking import THINK_CLOSE, THINK_OPEN

from .reasoning import Prompt, aloud, native
from .spelling import Spelling
from .template import ChatTemplate, broken

_END_MARKS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "</s>")
"""Ends of a turn or text in the formats that models are trained on; many configurations name only one of theirs."""
_SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class TokenizerBundle:
    """Tokenizer and template of one model folder. Used by one thread."""

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
        self._spelling = Spelling({i: token.content for i, token in added.items() if token.special})

    @classmethod
    def load(cls, folder: Path) -> TokenizerBundle:
        """Read ``tokenizer.json``, ``tokenizer_config.json`` and the template of a folder in the Hugging Face layout.

        Raises AppError: WEIGHTS_CORRUPT when the tokenizer cannot be read, TEMPLATE_BROKEN.
        """
        try:
            tokenizer = Tokenizer.from_str(decode((folder / "tokenizer.json").read_bytes()))
            config = _read_config(folder)
        except Exception as error:  # tokenizers raises nothing more precise
            raise _unreadable(folder, error) from error
        return cls(tokenizer, ChatTemplate(_template_source(folder, config), _special_tokens(config)))

    def prompt(self, messages: Sequence[Message], *, think: bool) -> Prompt:
        """What the model reads, ending where the answer, or with `think` the reasoning, begins.

        Raises AppError TEMPLATE_BROKEN.
        """
        if think and messages and not self._template.has_thinking:
            return aloud(messages, lambda talk: self._template.render(talk, think=False))
        return native(self._template.render(messages, think=think), think=think)

    def encode(self, text: str) -> list[int]:
        """Tokens of a rendered text: marks such as ``<|im_end|>`` become their tokens, nothing is added around it.

        An answer in it that `remember` was told of is spelled as it was then.
        """
        return self._spelling.apply(text, self._encode(text))

    def remember(self, tokens: Sequence[int]) -> None:
        """Keep how the answer at the end of `tokens` was spelled, if that is not how `encode` would do it."""
        piece = self._spelling.last_piece(tokens)
        text = self.tokenizer.decode(piece, skip_special_tokens=False)
        if self._encode(text) != piece and "\ufffd" not in text:
            self._spelling.learn(text, piece)

    def forget(self) -> None:
        """Forget every answer."""
        self._spelling.forget()

    def _encode(self, text: str) -> list[int]:
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
    config: dict[str, Any] = parse_json(decode(path.read_bytes()))
    return config


def _template_source(folder: Path, config: dict[str, Any]) -> str:
    """The file beside the configuration wins over the key inside, as in transformers."""
    path = folder / "chat_template.jinja"
    if path.exists():
        try:
            return decode(path.read_bytes())
        except NotTextError as error:
            raise broken(str(error)) from error
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
