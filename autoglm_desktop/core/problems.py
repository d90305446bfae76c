"""What is wrong with a file's values, for people: each bad key with its value and what is allowed there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from .i18n import tr

MAX_SHOWN = 6
_VALUE_CHARS = 60


def refuse_lookalikes(annotation: object, value: object) -> object:
    """`value` as it is, for a validator before others: true and "1.5" are no numbers, though pydantic takes them."""
    inner = _plain(annotation)
    values = value if get_origin(inner) is tuple and isinstance(value, list | tuple) else (value,)
    kinds = get_args(inner) if get_origin(inner) is tuple else (inner,)
    if any(kind in {int, float} for kind in kinds) and any(isinstance(one, bool | str) for one in values):
        raise PydanticCustomError("no_number", "a number is expected")
    return value


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One line for all that `model` found: keys, values, and what their fields allow."""
    found = [_problem(item, model) for item in error.errors(include_url=False)]
    more = len(found) - MAX_SHOWN
    return "; ".join(found[:MAX_SHOWN]) + (f"; … (+{more})" if more > 0 else "")


def _problem(item: ErrorDetails, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return tr("{key} is no known key", key=key)
    field = _field(model, item["loc"])
    allowed = "" if field is None else _allowed(field.annotation, field.metadata)
    if item["type"] == "missing":
        return tr("{key} is missing; allowed: {allowed}", key=key, allowed=allowed)
    if not allowed or item["type"] == "value_error":
        problem = item["msg"].removeprefix("Value error, ")
        return f"{key}: {problem}" if key else problem
    value = item["input"]
    shown = "" if isinstance(value, Mapping | BaseModel) else f" = {value!r:.{_VALUE_CHARS}}"
    return tr("{key}; allowed: {allowed}", key=f"{key}{shown}", allowed=allowed)


def _field(model: type[BaseModel], where: tuple[int | str, ...]) -> FieldInfo | None:
    """The field that a place in the file belongs to."""
    field: FieldInfo | None = None
    for part in where:
        inner: object = model if field is None else _plain(field.annotation)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return field
        field = inner.model_fields.get(str(part))
        if field is None:
            return None
    return field


def _plain(annotation: object) -> object:
    """The type without ``| None``."""
    if get_origin(annotation) in {Union, UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation


def _allowed(annotation: object, metadata: list[Any]) -> str:
    inner = _plain(annotation)
    words = _kind(inner, metadata)
    return tr("{allowed}, or nothing", allowed=words) if inner is not annotation else words


def _kind(inner: object, metadata: list[Any]) -> str:
    if get_origin(inner) is Literal:
        return " | ".join(str(value) for value in get_args(inner))
    if isinstance(inner, type) and issubclass(inner, Enum):
        return " | ".join(str(one.value) for one in inner)
    names: dict[object, str] = {
        bool: tr("true or false"),
        int: tr("a whole number"),
        float: tr("a number"),
        str: tr("text"),
    }
    if inner in names:
        return f"{names[inner]} {_limits(metadata)}".rstrip()
    return tr("a list") if get_origin(inner) is tuple else tr("a table")


def _limits(metadata: list[Any]) -> str:
    found = {name: bound for one in metadata for name in _BOUNDS if (bound := getattr(one, name, None)) is not None}
    if "ge" in found and "le" in found:
        return tr("from {low} to {high}", low=_plainly(found["ge"]), high=_plainly(found["le"]))
    return ", ".join(f"{_BOUNDS[name]}{_plainly(bound)}" for name, bound in found.items())


def _plainly(bound: object) -> str:
    return str(int(bound)) if isinstance(bound, float) and bound.is_integer() else str(bound)


_BOUNDS = {"gt": "> ", "ge": "≥ ", "lt": "< ", "le": "≤ ", "min_length": "≥ ", "max_length": "≤ ", "pattern": "~ "}
