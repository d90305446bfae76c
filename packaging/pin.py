"""Rewrite constraints.txt from the environment this runs in: the exact versions of everything the project needs.

Run it with the project's own Python after a dependency changed and the checks passed::

    .venv/bin/python packaging/pin.py
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "autoglm-desktop"
BUILD_TOOLS = ("hatchling", "editables")  # installed first, so that building the project fetches nothing by itself
RANGES = {
    "pyside6": "PySide6>=6.10.2,<6.11",  # 6.12.0 drops a reference at each signal emission and aborts
    "torch": "torch==2.13.0",  # any build of it: CPU where pip is told so, CUDA otherwise
}
HEADER = """\
# Exact versions that were tested together; pyproject.toml says which ranges may work.
# Written by packaging/pin.py: run it after a dependency changed.
"""


def closure(project: str) -> dict[str, str]:
    """Version of every distribution that `project` with all its extras, or the build tools, pull in."""
    extras = set(distribution(project).metadata.get_all("Provides-Extra") or ())
    found: dict[str, str] = {}
    todo = [(project, frozenset(extras)), *((tool, frozenset[str]()) for tool in BUILD_TOOLS)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            print(f"not installed, left out: {name}", file=sys.stderr)
            continue
        found[canonicalize_name(name)] = dist.version
        todo += [
            (canonicalize_name(requirement.name), frozenset(requirement.extras))
            for requirement in map(Requirement, dist.requires or ())
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in ("", *wanted))
        ]
    found.pop(canonicalize_name(project))
    return found


def main() -> None:
    lines = [RANGES.get(name, f"{name}=={version}") for name, version in sorted(closure(PROJECT).items())]
    target = Path(__file__).with_name("constraints.txt")
    target.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} versions in {target}")


if __name__ == "__main__":
    main()
