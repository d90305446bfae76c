"""Files that appear whole or not at all, and who may read them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from autoglm_desktop.core.files import atomic_write, is_disk_full, make_private, make_private_folder


def _rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("private", [True, False])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: bool) -> None:
    path = tmp_path / "chat.md"
    path.write_text("of value", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space") as caught:
            atomic_write(path, b"new", private=private)
    assert is_disk_full(caught.value)
    assert path.read_text(encoding="utf-8") == "of value"
    assert [each.name for each in tmp_path.iterdir()] == ["chat.md"]


def test_a_file_is_replaced_with_its_rights_and_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "chat.md", tmp_path / "link.md"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    atomic_write(link, "新".encode(), private=False)
    assert path.read_text(encoding="utf-8") == "新"
    assert _rights(path) == 0o640
    assert link.is_symlink()


def test_a_private_file_and_folder_are_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private_folder(folder)
    atomic_write(folder / "x", b"1")
    assert (_rights(folder), _rights(folder / "x")) == (0o700, 0o600)
    folder.chmod(0o755)
    (folder / "x").chmod(0o664)
    make_private_folder(folder)
    make_private(folder / "x")
    make_private(folder / "not there")
    assert (_rights(folder), _rights(folder / "x")) == (0o700, 0o600)


@pytest.mark.parametrize("rights", [0o1777, 0o2775])
def test_a_folder_that_is_shared_by_design_stays_so(tmp_path: Path, rights: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(rights)
    make_private_folder(shared)
    assert _rights(shared) == rights


def test_the_home_folder_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path)
    assert _rights(tmp_path) == 0o755


def test_what_exported_files_get_is_the_users_own_choice(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "x", b"1", private=False)
    finally:
        os.umask(before)
    assert _rights(tmp_path / "x") == 0o640
