"""Saving over a file that is there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from autoglm_desktop.ui.saving import write_whole


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.md"
    path.write_text("of value", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "of value"
    assert [each.name for each in tmp_path.iterdir()] == ["chat.md"]


def test_a_file_is_replaced_with_its_rights_and_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "chat.md", tmp_path / "link.md"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o640)
    link.symlink_to(path)
    write_whole(link, "新")
    assert path.read_text(encoding="utf-8") == "新"
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
