"""What does not fit a schema, in the client's own words: which of the keys that it sent, and what belongs there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from .errors import LIST, OBJECT, TEXT, Refusal

_MAX_PARAM = 200
_AN_OBJECT = "Input should be an object"
_WORDS = {
    "dict_type": _AN_OBJECT,
    "model_type": _AN_OBJECT,
    "model_attributes_type": _AN_OBJECT,
    "union_tag_not_found": "Field required",
}
"""In the place of pydantic's, which speak of Python and of its own parts."""


async def invalid(_: Request, error: Exception) -> Response:
    """The answer to a request that does not fit."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()[0]
    param = ".".join(_steps(found, error.body))[:_MAX_PARAM] or None
    return Refusal(400, f"{_words(found)} ({param or 'body'})", "invalid_value", param).response()


def _words(found: Mapping[str, Any]) -> str:
    context = found.get("ctx", {})
    match found["type"]:
        case "union_tag_invalid":
            return f"{context['tag'][:40]!r} is none of {context['expected_tags']}"
        case "value_error":
            return str(context["error"])
        case kind:
            return _WORDS.get(kind) or str(found["msg"])


def _steps(found: Mapping[str, Any], sent: object) -> list[str]:
    where, *loc = found["loc"]
    if found["type"].startswith("union_tag"):
        loc.append(found["ctx"]["discriminator"].strip("'"))
    if where == "body":
        may_end = found["type"] in ("missing", "union_tag_not_found")
        loc = list(_kept(sent, [step for step in loc if step not in (TEXT, LIST, OBJECT)], may_end=may_end))
    steps = [str(step) for step in loc]
    unwritable = (number for number, step in enumerate(steps) if not step.isprintable())
    return steps[: next(unwritable, None)]


def _kept(node: Any, loc: Sequence[str | int], *, may_end: bool) -> tuple[str | int, ...]:
    """The most of `loc` that leads through what was sent: between its keys stand names of members of unions.

    With `may_end` the last step may be a key that is missing there.
    """
    if not loc:
        return ()
    step, rest = loc[0], loc[1:]
    passed = _kept(node, rest, may_end=may_end)
    if _has(node, step):
        return max(passed, (step, *_kept(node[step], rest, may_end=may_end)), key=len)
    return (step,) if may_end and not rest and isinstance(node, Mapping) else passed


def _has(node: object, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(node, list) and step < len(node)
    return isinstance(node, Mapping) and step in node
