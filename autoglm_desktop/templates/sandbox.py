"""The sandbox that chat templates run in: what they may call, and how much work one rendering may be.

The environment matches the one of transformers' `apply_chat_template` (the same whitespace rules, filters, globals and
extensions), because templates are written against it; transformers itself would cost two seconds to import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from .marks import GUARD

MOST_STEPS = 1_000_000
_MOST_CHARACTERS = 100_000_000
_MOST_BITS = 100_000
_STEPS_BETWEEN_CHECKS = 256
_WIDTH = re.compile(r"\d{9}")
"""In the format of a text: a field wider than any prompt."""

T = TypeVar("T")


class TooMuchWork(Exception):  # noqa: N818 - made an error by the caller
    """A template does not come to an end, or makes a text without bound."""


class _Unevaluated(CodeGenerator):
    """Compiles without computing constants beforehand: ``{{ 9 ** 9 ** 9 }}`` would not end, and nothing counts it."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if isinstance(node, nodes.TemplateData):
            return super()._output_child_to_const(node, frame, finalize)
        raise nodes.Impossible


class Sandbox(ImmutableSandboxedEnvironment):
    """Counts the steps of a rendering: rounds of loops, calls, operations and pieces of text."""

    code_generator_class = _Unevaluated
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(  # makes prompts, not HTML: nothing to escape
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=[_GenerationBlocks, "jinja2.ext.loopcontrols"],
        )
        self._steps = self._characters = 0
        self._most_steps = MOST_STEPS
        self._check: Callable[[], None] = _nothing
        self.filters = {name: _narrow(made) for name, made in self.filters.items()}
        self.filters |= {"tojson": _to_json, "counted": self._counted, "concatenated": self._concatenated}
        self.globals |= {"raise_exception": _raise, "strftime_now": lambda form: datetime.now().strftime(form)}

    def begin(self, check: Callable[[], None], most_steps: int) -> None:
        """Start a rendering; `check` is called all along and may raise to end it."""
        self._steps, self._characters = 0, 0
        self._most_steps, self._check = most_steps, check
        check()

    def step(self) -> None:
        """Count one step. Raises TooMuchWork, and what the check raises."""
        self._steps += 1
        if self._steps > self._most_steps:
            raise TooMuchWork
        if self._steps % _STEPS_BETWEEN_CHECKS == 0:
            self._check()

    def wrote(self, piece: str) -> None:
        """Count a piece of the text. Raises TooMuchWork, and what the check raises."""
        self.step()
        self._characters += len(piece)
        if self._characters > _MOST_CHARACTERS:
            raise TooMuchWork

    def call(self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        self.step()
        if _is_wide(args, kwargs) or _formats_widely(__obj):
            raise TooMuchWork
        return _bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.step()
        if _is_huge(operator, left, right):
            raise TooMuchWork
        return _bounded(super().call_binop(context, operator, left, right))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        return tree

    def _counted(self, items: Any) -> _Rounds:
        return _Rounds(items, self.step)

    def _concatenated(self, parts: Sequence[Any]) -> str:
        self.step()
        return _bounded("".join(map(str, parts)))


class _Rounds:
    """What a loop iterates over, with a step for each round."""

    def __init__(self, items: Any, step: Callable[[], None]) -> None:
        self._items = items
        self._step = step

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            self._step()
            yield item

    def __len__(self) -> int:
        return len(self._items)


class _Counting(NodeTransformer):
    """Lets every loop count its rounds, and every ``~`` the characters that it makes."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "counted")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - jinja2's name
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "concatenated")


class _GenerationBlocks(Extension):
    """``{% generation %}`` marks the assistant's text for training; here it only stands for its content."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's declaration

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _bounded(made: T) -> T:
    """What a template made, if it is not larger than any prompt. Raises TooMuchWork."""
    if isinstance(made, str | list | tuple) and len(made) > _MOST_CHARACTERS:
        raise TooMuchWork
    return made


def _narrow(made: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses to fill a text to a width beyond any prompt."""

    @wraps(made)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if _is_wide(args, kwargs):
            raise TooMuchWork
        return made(*args, **kwargs)

    return checked


def _is_wide(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    return any(isinstance(value, int) and value > _MOST_CHARACTERS for value in (*args, *kwargs.values()))


def _formats_widely(called: Any) -> bool:
    """Whether it is ``"{:9999999999}".format``."""
    called = getattr(called, "__wrapped__", called)  # jinja2 puts its own around it
    owner = getattr(called, "__self__", None)
    return isinstance(owner, str) and _WIDTH.search(owner) is not None and called.__name__.startswith("format")


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    made = nodes.Filter(cast("nodes.Expr", node), name, [], [], None, None, lineno=node.lineno)
    made.environment = node.environment
    return made


def _is_huge(operator: str, left: Any, right: Any) -> bool:
    """Whether a result would be so large that computing it takes long."""
    if operator == "%" and isinstance(left, str):
        return _WIDTH.search(left) is not None
    if isinstance(left, int) and isinstance(right, int):
        bits = {"*": left.bit_length() + right.bit_length(), "**": left.bit_length() * right}
        return bits.get(operator, 0) > _MOST_BITS
    count, items = (left, right) if isinstance(left, int) else (right, left)
    repeats = operator == "*" and isinstance(count, int) and isinstance(items, str | list | tuple)
    return repeats and len(items) * count > _MOST_CHARACTERS


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    made = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    return made.replace(f"\\u{ord(GUARD):04x}", GUARD) if ensure_ascii else made


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _nothing() -> None:
    """No check."""
