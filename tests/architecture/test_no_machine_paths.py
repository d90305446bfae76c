"""The repository names no folder of a developer's machine and no host of a package registry."""

from __future__ import annotations

import re

from tests.helpers.scripts import ROOT

_TEXT = {".py", ".toml", ".txt", ".md", ".sh", ".json", ".qss", ".svg", ".desktop", ".yml", ".yaml", ""}
_FOLDERS = ("autoglm_desktop", "resources", "tests", "packaging", ".ci")
_TOP = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".gitignore")
# written in pieces so that this file passes its own test
_FORBIDDEN = re.compile(
    "|".join(["/wo" + "rk/", "/ro" + "ot/", "/home/[a-z]", "py" + r"pi\.org", "python" + r"hosted\.org"])
)


def test_no_path_of_a_machine_and_no_registry() -> None:
    files = [path for folder in _FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [ROOT / name for name in _TOP]
    read = [path for path in files if path.suffix in _TEXT and "__pycache__" not in path.parts]
    assert len(read) > 50
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in read
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _FORBIDDEN.search(line)
    ]
    assert found == []
