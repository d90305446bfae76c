"""The chat template of a model that is to be added: its own, checked, or the common one where its marks are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import NotTextError, decode
from autoglm_desktop.templates.fit import TemplateFit
from autoglm_desktop.templates.template import ChatTemplate

from .reading import read_bytes

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The format that most models without a template of their own were trained on."""

CHATML_MARKS = ("<|im_start|>", "<|im_end|>")
LIMIT_CHARACTERS = 1 << 20


def chosen(own: object, has_token: Callable[[str], bool], special_tokens: Mapping[str, str]) -> str:
    """The model's own template, or ChatML where it has none and its vocabulary has the marks.

    Raises AppError TEMPLATE_BROKEN: it has neither, or its own does not render a question.
    """
    if own is not None and not isinstance(own, str):
        raise broken("it is no text")
    if own is not None and own.strip():
        require_usable(own, special_tokens)
        return own
    if all(has_token(mark) for mark in CHATML_MARKS):
        return CHATML
    raise AppError(
        ErrorCode.TEMPLATE_BROKEN,
        msg("The model has no chat template, and its vocabulary does not have the marks of the common one (ChatML)."),
        msg("Choose the version of the model that was made for chats (often named instruct or chat)."),
    )


def require_usable(source: str, special_tokens: Mapping[str, str]) -> None:
    """Raise AppError TEMPLATE_BROKEN for a template that does not compile, or does not render a question."""
    if len(source) > LIMIT_CHARACTERS:
        raise broken(f"{len(source)} characters")
    try:
        source.encode()
        TemplateFit.probe(ChatTemplate(source, special_tokens)).require_usable()
    except (AppError, UnicodeError) as error:
        raise broken(f"{error}") from error


def read_template(path: Path) -> str:
    """The text of a template's file. Raises AppError: BAD_INPUT, TEMPLATE_BROKEN for what is no text."""
    try:
        return decode(read_bytes(path, 4 * LIMIT_CHARACTERS))
    except NotTextError as error:
        raise broken(str(error)) from error


def of_tokenizer_config(config: Mapping[str, Any]) -> object:
    """The template in a ``tokenizer_config.json``: one, or the default of several by name."""
    found = config.get("chat_template")
    if not isinstance(found, list):
        return found
    return next((e.get("template") for e in found if isinstance(e, dict) and e.get("name") == "default"), None)


def broken(details: str) -> AppError:
    """The error for a template that cannot be used."""
    return AppError(
        ErrorCode.TEMPLATE_BROKEN,
        msg("The model's chat template is faulty."),
        msg("Choose another version of the model, or correct its template."),
        details=details,
    )
