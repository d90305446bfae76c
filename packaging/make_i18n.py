#!/usr/bin/env python3
"""Brings ``resources/i18n/zh_CN.json`` in line with the sources: ``make_i18n.py [FILE.json]... [--check]``.

Reads every ``tr("…")`` and ``msg("…")`` of the package, merges the given translations (flat JSON objects, English to
Chinese; later files win), drops what no source says any more, writes the catalogue sorted, and lists what is missing or
wrong. Ends with status 1 when something is. ``--check`` writes nothing and also complains of stale entries.
"""

from __future__ import annotations

import argparse
import ast
import json
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "resources" / "i18n" / "zh_CN.json"
_FUNCTIONS = {"tr", "msg"}
_DEFINITIONS = ROOT / "autoglm_desktop" / "core" / "i18n.py"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of ``tr`` or ``msg``: `literal` is None where the first argument is none, `given` the names of the
    parameters, None where they are not all written out (``**params``)."""

    where: str
    literal: str | None
    given: frozenset[str] | None


def calls(package: Path = ROOT / "autoglm_desktop") -> list[Call]:
    """Every call in the package's sources, in order of files and lines."""
    found: list[Call] = []
    for path in sorted(package.rglob("*.py")):
        if path != _DEFINITIONS:
            found += calls_in(path.read_text(encoding="utf-8"), str(path.relative_to(package.parent)))
    return found


def calls_in(source: str, name: str) -> Iterator[Call]:
    """The calls in one source text."""
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Call) and _is_translation(node.func):
            first = node.args[0] if node.args else None
            literal = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
            names = [keyword.arg for keyword in node.keywords]
            given = None if None in names else frozenset(name for name in names if name is not None)
            yield Call(f"{name}:{node.lineno}", literal, given)


def placeholders(template: str) -> frozenset[str]:
    """The names between braces. Raises ValueError for a template that cannot be formatted."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)


def complaints(found: list[Call], catalogue: dict[str, str]) -> list[str]:
    """What is wrong: first arguments that are no literals, parameters that do not fit, missing translations."""
    wrong = [f"{call.where}: the first argument is not a literal" for call in found if call.literal is None]
    for call in found:
        if call.literal is not None and call.given and placeholders(call.literal) != call.given:
            wrong.append(f"{call.where}: parameters {sorted(call.given)} do not fit {call.literal!r}")
        if call.literal is not None and call.given == frozenset() and _braces_without_values(call.literal):
            wrong.append(f"{call.where}: no values for {call.literal!r}")
    for literal in sorted({call.literal for call in found if call.literal is not None}):
        translation = catalogue.get(literal)
        if not translation:
            wrong.append(f"missing: {literal!r}")
        elif placeholders(translation) != placeholders(literal):
            wrong.append(f"placeholders differ: {literal!r} -> {translation!r}")
    return wrong


def stale(found: list[Call], catalogue: dict[str, str]) -> list[str]:
    """Entries that no source says."""
    return sorted(set(catalogue) - {call.literal for call in found})


def merge(found: list[Call], catalogue: dict[str, str], additions: list[dict[str, str]]) -> dict[str, str]:
    """The catalogue with the additions, without stale entries, sorted."""
    merged = dict(catalogue)
    for addition in additions:
        merged |= addition
    for name in stale(found, merged):
        del merged[name]
    return dict(sorted(merged.items()))


def _is_translation(function: ast.expr) -> bool:
    """``tr(…)`` and ``i18n.tr(…)``; not the method ``tr`` of a Qt object."""
    if isinstance(function, ast.Attribute):
        return function.attr in _FUNCTIONS and isinstance(function.value, ast.Name) and function.value.id == "i18n"
    return isinstance(function, ast.Name) and function.id in _FUNCTIONS


def _braces_without_values(literal: str) -> bool:
    """A call without parameters is not formatted, so a name in braces would be shown as it is."""
    try:
        return bool(placeholders(literal))
    except ValueError:
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    found = calls()
    catalogue: dict[str, str] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    told = [f"stale: {name!r}" for name in stale(found, catalogue)] if arguments.check else []
    if not arguments.check:
        additions = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.files]
        catalogue = merge(found, catalogue, additions)
        CATALOGUE.write_text(json.dumps(catalogue, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    told += complaints(found, catalogue)
    for line in told:
        print(line)
    print(f"{len(catalogue)} translations, {len(told)} complaints", file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
