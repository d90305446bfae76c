"""Names from outside: only plain ones, whichever system reads them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.core.file_names import MAX_NAME_BYTES, first_collision, is_plain_name, is_plain_path

HOSTILE = [
    "", ".", "..", "../x", "..\\x", "/etc/passwd", "\\x", "C:x", "C:\\x", "\\\\host\\share\\x", "a/b", "a\\b", "x\0y",
    "x\n", "x\x7f", "nul", "NUL.safetensors", "com1.json", "LPT¹.txt", "aux", "con.gguf", "x.", "x ", " x", ".hidden",
    "x:stream", "x?", "x*", "a\u202eb", "\ud800", "x" * (MAX_NAME_BYTES + 1), "模" * 100,
]  # fmt: skip
PLAIN = [
    "config.json", "model-00001-of-00002.safetensors", "模型.gguf", "my model (1).gguf", "com10.json", "console",
    "nullable", "tokenizer_config.json", "é.json", "a..b",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_plain_name(name: str) -> None:
    assert not is_plain_name(name)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names(name: str) -> None:
    assert is_plain_name(name)
    assert is_plain_path(f"folder/{name}")


@pytest.mark.parametrize("name", [None, 3, b"x", ["x"]])
def test_what_is_no_text_is_no_name(name: object) -> None:
    assert not is_plain_name(name)
    assert not is_plain_path(name)


@pytest.mark.parametrize("path", ["a//b", "/a", "a/", "a/../b", "a/./b", "a\\b/c", "a/nul", "C:/a"])
def test_paths_that_lead_elsewhere(path: str) -> None:
    assert not is_plain_path(path)


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "/", "\\", "C:", "a", "nul", "\0"])).map("".join))
def test_a_plain_path_stays_below_its_folder_on_every_system(path: str) -> None:
    if not is_plain_path(path):
        return
    for kind in (PurePosixPath, PureWindowsPath):
        pure = kind(path)
        assert not pure.is_absolute()
        assert not pure.drive
        assert ".." not in pure.parts
    assert Path("folder", path).resolve().is_relative_to(Path("folder").resolve())


def test_names_that_some_system_takes_for_one() -> None:
    assert first_collision(["a.json", "b.json"]) is None
    assert first_collision(["Model.safetensors", "x", "model.safetensors"]) == "model.safetensors"
    assert first_collision(["é", "e\u0301"]) == "e\u0301"
    assert first_collision(["straße", "STRASSE"]) == "STRASSE"
