"""Scenario files: those that ship and the user's own, read and checked.

A file may say ``extends = "other"`` and change what it names: tables are merged key by key, lists are replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import read_toml
from autoglm_desktop.energy.scenario import Scenario

MAX_SHOWN_PROBLEMS = 6
_MAX_CHAIN = 8


def scenario_ids(own: Path | None = None) -> tuple[str, ...]:
    """Names of the scenarios that ship, and of those in the user's folder `own`, sorted."""
    return tuple(sorted(_places(own)))


def load_scenario(name: str, own: Path | None = None) -> Scenario:
    """A scenario by its name (a shipped one wins), or from a file when `name` is a path that ends in ``.toml``.

    Raises AppError BAD_INPUT for an unknown name, naming those that exist, and for a file that cannot be used.
    """
    places = _places(own)
    if name in places:
        return read_scenario(places[name], own)
    if name.endswith(".toml"):
        return read_scenario(Path(name), own)
    raise AppError(
        ErrorCode.BAD_INPUT,
        msg("There is no scenario called {name}.", name=name),
        msg("Choose one of: {names}, or give the path of a .toml file.", names=", ".join(sorted(places))),
    )


def read_scenario(path: Path, own: Path | None = None) -> Scenario:
    """A scenario from any file. Raises AppError BAD_INPUT with the file, each bad key and what it allows."""
    table = _merged(path, own, ())
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        found = [_explain(item["loc"], item["msg"], item.get("input")) for item in error.errors()]
        more = len(found) - MAX_SHOWN_PROBLEMS
        problems = "; ".join(found[:MAX_SHOWN_PROBLEMS]) + (f"; … (+{more})" if more > 0 else "")
        raise _refused(path, problems, str(error)[:2000]) from error


def _places(own: Path | None) -> dict[str, Path]:
    folders = [resource("scenarios")] if own is None else [own, resource("scenarios")]
    return {path.stem: path for folder in folders for path in folder.glob("*.toml")}


def _merged(path: Path, own: Path | None, chain: tuple[Path, ...]) -> dict[str, Any]:
    """The file's table over the one that it extends. `chain` holds the files that led here."""
    place = path.resolve()
    if place in chain or len(chain) >= _MAX_CHAIN:
        names = " → ".join(p.stem for p in (*chain, place))
        raise _refused(path, f"extends: the files refer to each other in a circle or too deep ({names})")
    if not path.exists():
        raise no_file(path)
    table = read_toml(path)
    base = table.pop("extends", None)
    if base is None:
        return table
    places = _places(own)
    if not isinstance(base, str) or base not in places:
        raise _refused(path, f"extends ({base!r}): no scenario has this name; there are {', '.join(sorted(places))}")
    below = _merged(places[base], own, (*chain, place))
    joined = {
        key: {**below[key], **value} if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in table.items()
    }
    return {**below, **joined}


def no_file(path: Path) -> AppError:
    """The file of a scenario or a sweep is not there."""
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("There is no file {name}.", name=str(path)),
        msg("Check the path. Scenarios that ship are called by their name: {names}.", names=", ".join(scenario_ids())),
    )


def _explain(where: tuple[int | str, ...], problem: str, value: object) -> str:
    key = ".".join(str(part) for part in where)
    shown = "" if isinstance(value, dict | list | tuple | Scenario) else f" ({value!r:.60})"
    return f"{key}{shown}: {problem}" if key else problem


def _refused(path: Path, problems: str, details: str = "") -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The scenario {path} cannot be used: {problems}.", path=str(path), problems=problems.rstrip(".")),
        msg("Correct the named keys; the scenarios that ship show every key with its unit."),
        details=details or problems,
    )
