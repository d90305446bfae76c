"""The name under which the first window of a data folder listens."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autoglm_desktop.ui.single_instance import socket_name


@pytest.mark.skipif(sys.platform == "win32", reason="users have no numbers there")
def test_a_user_without_a_name_has_a_window_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = socket_name(tmp_path)
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert socket_name(tmp_path) not in (mine, socket_name(tmp_path / "other"))
