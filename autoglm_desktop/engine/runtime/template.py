"""Chat templates: Jinja programs that come with a model, so they run in a sandbox.

The environment matches the one of transformers' `apply_chat_template` (the same whitespace rules, filters, globals and
extensions), because templates are written against it; transformers itself would cost two seconds to import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ImagePart, Message
from autoglm_desktop.core.thinking import THINK_CLOSE, THINK_OPEN

_FAULTS = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a template that does not fit its input raises while it runs: Python's own errors reach through the sandbox."""


class ChatTemplate:
    """A compiled template and the special tokens that it may name. Raises AppError TEMPLATE_BROKEN."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self.has_switch = "enable_thinking" in source
        """The template itself turns thinking on and off."""
        self.has_thinking = self.has_switch or THINK_OPEN in source or THINK_CLOSE in source
        """The model was trained to think between marks."""
        self._special_tokens = dict(special_tokens)
        try:
            self._template = _environment().from_string(source)
        except (jinja2.TemplateError, RecursionError) as error:
            raise broken(error) from error

    def render(self, messages: Sequence[Message], *, think: bool) -> str:
        """The prompt that asks for the next answer. Raises AppError TEMPLATE_BROKEN, BAD_INPUT for an image."""
        switch = {"enable_thinking": think} if self.has_switch else {}
        try:
            return self._template.render(
                messages=[as_dict(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=True,
                **self._special_tokens,
                **switch,
            )
        except _FAULTS as error:
            raise broken(error) from error


def as_dict(message: Message) -> dict[str, str]:
    """A message as templates expect it; reasoning under both names that they read.

    Images come here as what was read in them. Raises AppError BAD_INPUT for one that does not: it would be left out
    unnoticed. A family that sees gives its tokens here and their embeddings to the decoder (`contracts.ImageEncoder`).
    """
    image = next((part for part in message.parts if isinstance(part, ImagePart)), None)
    if image is not None:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("This model does not see images: {name} was not read for it.", name=image.name or image.sha256[:8]),
            msg("Choose a model that reads text alone, whose images are read first, or send the message without it."),
        )
    plain = {"role": message.role.value, "content": message.text}
    if message.reasoning:
        plain |= {"reasoning_content": message.reasoning, "thinking": message.reasoning}
    return plain


def broken(error: Exception | str) -> AppError:
    """The error of a template that is missing, does not compile or refuses the conversation."""
    return AppError(
        ErrorCode.TEMPLATE_BROKEN,
        msg("The model's chat template cannot be used: {reason}.", reason=str(error).strip().rstrip(".") or "?"),
        msg("Choose another model, or repair the template in the model's folder."),
        details=f"{type(error).__name__}: {error}" if isinstance(error, Exception) else error,
    )


class _GenerationBlocks(Extension):
    """``{% generation %}`` marks the assistant's text for training; here it only stands for its content."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's declaration

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _environment() -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(  # makes prompts, not HTML: nothing to escape
        trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationBlocks, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
