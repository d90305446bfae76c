"""A model's tokenizer and chat template: from messages to tokens, and back to text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import Message, Role
from autoglm_desktop.core.text_files import NotTextError, decode, parse_json
from autoglm_desktop.core.thinking import THINK_CLOSE, THINK_OPEN
from autoglm_desktop.templates.fit import TemplateFit
from autoglm_desktop.templates.marks import Marks, unguarded
from autoglm_desktop.templates.template import ChatTemplate, Rendering, broken, special_tokens

from .encoding import Encoder, Piece
from .reasoning import Prompt, aloud, native
from .spelling import Spelling
from .vocabulary import Vocabulary


class TokenizerBundle:
    """Tokenizer and template of one model folder. Used by one thread."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate, bos: str | None = None) -> None:
        """`bos` is what the tokenizer wants at the beginning of every text."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self._template = template
        self._bos = bos or ""
        self._fit = TemplateFit.probe(template)
        self._vocabulary = Vocabulary.read(tokenizer, self._fit)
        self._encoder = Encoder(tokenizer, self._vocabulary.marks, self._vocabulary.special_ids)
        self._spelling = Spelling()
        self._guard = self._encoder.spellings
        self.hidden_ids = self._vocabulary.hidden_ids
        """Special tokens, which are never shown."""
        self.end_ids = self._vocabulary.end_ids
        """Tokens that end an answer, beside those that the model's configuration names."""
        self.end_texts = (self._vocabulary.end_text,) if self._vocabulary.end_text else ()
        """What ends an answer as text: a mark that the vocabulary does not have."""

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
        tokens = special_tokens(config)
        template = ChatTemplate(_template_source(folder, config), tokens)
        return cls(tokenizer, template, _wanted_bos(tokenizer, config, tokens.get("bos_token")))

    def prompt(self, messages: Sequence[Message], *, think: bool, check: Callable[[], None] = lambda: None) -> Prompt:
        """What the model reads, ending where the answer, or with `think` the reasoning, begins.

        `check` is called all along; what it raises ends the work. Raises AppError TEMPLATE_BROKEN.
        """
        if think and messages and not self._template.has_thinking:
            made = aloud(messages, lambda talk: self._render(talk, Rendering(check=check)))
        else:
            made = native(self._render(messages, Rendering(think=think, check=check)), think=think)
        bos = "" if made.text.lstrip().startswith(self._bos) else self._bos
        return Prompt(self._guard.rendered(f"{bos}{made.text}"), self._guard.rendered(made.bridge))

    def ends(self, named_ids: Iterable[int]) -> frozenset[int]:
        """All tokens that end an answer, where the model's configuration names some."""
        return self._vocabulary.ends(named_ids, self.tokenizer)

    def check_characters(self, messages: Sequence[Message], most_tokens: int) -> None:
        """Raises TooLong for messages that cannot fit, before anything is done with them."""
        self._encoder.check_characters(sum(len(message.text) for message in messages), most_tokens)

    def check_length(self, text: str, most_tokens: int, check: Callable[[], None]) -> None:
        """Raises TooLong for a rendered text that cannot fit, before it is encoded whole; calls `check` on the way."""
        self._encoder.check_length(text, most_tokens, check)

    def encode(self, text: str) -> list[int]:
        """Tokens of a text; nothing is added around it.

        Of a text that `prompt` rendered only the template's marks such as ``<|im_end|>`` become their tokens, of any
        other text all that it spells. An answer in it that `remember` was told of is spelled as it was then.
        """
        tokens: list[int] = []
        for piece in self._encoder.pieces(text):
            tokens += [] if piece.mark is None else [piece.mark]
            tokens += self._spelling.tokens(piece)
        return tokens

    def _render(self, messages: Sequence[Message], how: Rendering) -> str:
        """The rendered text with guards in what messages say.

        The marks of thoughts in earlier answers are left whole for a template that takes such thoughts out.
        """
        guarded = self._fit.render(messages, replace(how, guard=lambda _, text: self._guard.guard(text)))
        if not any(self._has_thought(message) for message in messages):
            return guarded
        seen = self._fit.render(messages, replace(how, guard=self._guarded_but_thoughts))
        return guarded if unguarded(seen) == unguarded(guarded) else seen

    @cached_property
    def _guard_but_thoughts(self) -> Marks:
        return self._guard.without((THINK_OPEN, THINK_CLOSE))

    def _has_thought(self, message: Message) -> bool:
        return message.role is Role.ASSISTANT and (THINK_OPEN in message.text or THINK_CLOSE in message.text)

    def _guarded_but_thoughts(self, message: Message, text: str) -> str:
        return (self._guard_but_thoughts if message.role is Role.ASSISTANT else self._guard).guard(text)

    def remember(self, tokens: Sequence[int]) -> None:
        """Keep how the answer at the end of `tokens` was spelled, if that is not how `encode` would do it."""
        special = self._vocabulary.special_ids
        start = next((i for i in range(len(tokens), 0, -1) if tokens[i - 1] in special), 0)
        said = list(tokens[start:])
        text: str = self.tokenizer.decode(said, skip_special_tokens=False)
        if self._encoder.plain(text) != said and "\ufffd" not in text:
            self._spelling.learn(Piece(tokens[start - 1] if start else None, text, said))

    def forget(self) -> None:
        """Forget every answer."""
        self._spelling.forget()

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


def _wanted_bos(tokenizer: Tokenizer, config: dict[str, Any], named: str | None) -> str | None:
    """The token that the tokenizer wants before a text: its configuration decides, or else its post-processor."""
    wanted = config.get("add_bos_token")
    encoded = tokenizer.encode("a", add_special_tokens=True)
    first = tokenizer.id_to_token(encoded.ids[0]) if encoded.special_tokens_mask[:1] == [1] else None
    if not isinstance(wanted, bool):
        return first
    return (named or first) if wanted else None


def _unreadable(folder: Path, error: Exception) -> AppError:
    return AppError(
        ErrorCode.WEIGHTS_CORRUPT,
        msg("The tokenizer in {folder} cannot be read.", folder=str(folder)),
        msg("Verify the model, or remove it and fetch it again."),
        details=f"{type(error).__name__}: {error}",
    )
