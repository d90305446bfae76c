"""The chat template of a model that is to be added: its own, checked, or the common one where its marks are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.ext import Extension
from jinja2.parser import Parser

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

from .reading import read_bytes

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The format that most models without a template of their own were trained on."""

CHATML_MARKS = ("<|im_start|>", "<|im_end|>")
LIMIT_CHARACTERS = 1 << 20


def chosen(own: object, has_token: Callable[[str], bool]) -> str:
    """The model's own template, or ChatML where it has none and its vocabulary has the marks.

    Raises AppError TEMPLATE_BROKEN: it has neither, or its own does not compile.
    """
    if own is not None and not isinstance(own, str):
        raise broken("it is no text")
    if own is not None and own.strip():
        require_compiles(own)
        return own
    if all(has_token(mark) for mark in CHATML_MARKS):
        return CHATML
    raise AppError(
        ErrorCode.TEMPLATE_BROKEN,
        msg("The model has no chat template, and its vocabulary does not have the marks of the common one (ChatML)."),
        msg("Choose the version of the model that was made for chats (often named instruct or chat)."),
    )


def require_compiles(source: str) -> None:
    """Raise AppError TEMPLATE_BROKEN for a template that does not compile. Nothing of it is run."""
    if len(source) > LIMIT_CHARACTERS:
        raise broken(f"{len(source)} characters")
    try:
        source.encode()
        compile(_ENVIRONMENT.compile(source, raw=True), "<template>", "exec")
    except (
        jinja2.TemplateError,
        ArithmeticError,
        MemoryError,
        RecursionError,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        raise broken(f"{type(error).__name__}: {error}") from error


def read_template(path: Path) -> str:
    """The text of a template's file. Raises AppError: BAD_INPUT, TEMPLATE_BROKEN for what is no UTF-8."""
    try:
        return read_bytes(path, 4 * LIMIT_CHARACTERS).decode("utf-8")
    except UnicodeDecodeError as error:
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


class _GenerationBlocks(Extension):
    """``{% generation %}`` marks text for training."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's declaration

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Unevaluated(CodeGenerator):
    """Compiles without computing constants beforehand: ``{{ 9 ** 9 ** 9 }}`` would not end."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> str:
        if isinstance(node, nodes.TemplateData):
            return super()._output_child_to_const(node, frame, finalize)
        raise nodes.Impossible


def _environment() -> jinja2.Environment:
    """As the engine's, which runs templates; this one only finds out whether they compile."""
    environment = jinja2.Environment(  # noqa: S701 - nothing is rendered
        trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[_GenerationBlocks, "jinja2.ext.loopcontrols"]
    )
    environment.code_generator_class = _Unevaluated
    return environment


_ENVIRONMENT = _environment()
