"""The wheel carries every resource and every module, and nothing of the tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers.scripts import ROOT


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of a wheel that is built here, without network or isolation."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        check=True,
        capture_output=True,
        cwd=ROOT,
        timeout=120,
    )
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_resources_are_in_it_one_for_one(names: set[str]) -> None:
    prefix = "autoglm_desktop/resources/"
    shipped = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    assert shipped == _files(ROOT / "resources")
    assert {"models.toml", "i18n/zh_CN.json"} <= shipped


def test_modules_are_in_it_one_for_one(names: set[str]) -> None:
    modules = {name.removeprefix("autoglm_desktop/") for name in names if name.startswith("autoglm_desktop/")}
    assert {name for name in modules if not name.startswith("resources/")} == _files(ROOT / "autoglm_desktop")


def test_nothing_else_is_in_it(names: set[str]) -> None:
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"autoglm_desktop"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
