"""Small pieces of the command line, called directly."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autoglm_desktop import assets
from autoglm_desktop.cli.context import environment_language
from autoglm_desktop.cli.output import as_size, harmless
from autoglm_desktop.engine.contest import medians, ratios

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"


def test_text_cannot_steer_a_terminal() -> None:
    assert harmless("a\x1b[2Jb\x07\x9bc\r\n\td") == "a[2Jbc\n\td"
    assert harmless("你好 🙂") == "你好 🙂"


@pytest.mark.parametrize(("size", "shown"), [(0, "0 MB"), (491_400_064, "491 MB"), (1_250_000_000, "1.2 GB")])
def test_sizes(size: int, shown: str) -> None:
    assert as_size(size) == shown


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh_CN"),
    ],
)
def test_the_language_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment_language() == language


def test_medians_and_ratios() -> None:
    ours = medians([{"prefill_tok_s": 10.0, "decode_tok_s": 4.0, "ttft_warm_s": 1.0, "ttft_cold_s": 9.0}] * 2)
    rounds = [{"prefill_tok_s": x, "decode_tok_s": 8.0, "ttft_warm_s": 2.0, "ttft_cold_s": 1.0} for x in (1, 5, 100)]
    theirs = medians(rounds)
    assert theirs["prefill_tok_s"] == 5
    assert ratios(ours, theirs) == {"prefill_tok_s": 2.0, "decode_tok_s": 0.5, "ttft_warm_s": 0.5}


def shell(script: str, home: Path, **variables: str) -> str:
    """The output of a script that has sourced the set-up's functions, with `home` as the project's root too."""
    done = subprocess.run(
        ["bash", "-c", f'set -euo pipefail; ROOT="{home}"; source "{PACKAGING}/common.sh"; {script}'],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **variables},
        timeout=60,
        check=True,
    )
    return done.stdout


class TestSetUp:
    """The shell's side of the set-up, without installing anything."""

    @pytest.mark.parametrize("variables", [{}, {"XDG_DATA_HOME": "/x/y"}, {"AUTOGLM_DATA_DIR": "/a b"}])
    def test_shell_and_application_agree_on_the_data_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
    ) -> None:
        for name in ("XDG_DATA_HOME", "AUTOGLM_DATA_DIR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in ({"HOME": str(tmp_path)} | variables).items():
            monkeypatch.setenv(name, value)
        assert shell("data_dir", tmp_path, **variables) == str(assets.default_data_dir())

    def test_a_stamp_holds_until_something_changes(self, tmp_path: Path) -> None:
        ready = "is_ready app m && printf yes || printf no"
        self._set_up(tmp_path)
        assert shell(ready, tmp_path) == "no"
        shell("mark_ready app", tmp_path)
        assert shell(ready, tmp_path) == "yes"
        assert shell(ready, tmp_path, AUTOGLM_DATA_DIR="/other") == "no"
        (tmp_path / "packaging" / "constraints.txt").write_text("torch==2.14.0\n")
        assert shell(ready, tmp_path) == "no"
        shell("mark_ready app", tmp_path)
        (tmp_path / ".venv" / ".setup-running").touch()
        assert shell(ready, tmp_path) == "no", "an interrupted set-up is not ready"
        (tmp_path / ".venv" / ".setup-running").unlink()
        assert shell(ready, tmp_path) == "yes"
        next((tmp_path / ".local").rglob("autoglm.json")).unlink()
        assert shell(ready, tmp_path) == "no", "the model is gone"

    def test_a_vanished_python_is_noticed(self, tmp_path: Path) -> None:
        self._set_up(tmp_path)
        shell("mark_ready app", tmp_path)
        (tmp_path / ".venv" / "bin" / "python").unlink()
        (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
        assert shell("is_ready app m && printf yes || printf no", tmp_path) == "no"

    def _set_up(self, root: Path) -> None:
        """What a finished set-up leaves, as far as the stamp looks."""
        (root / "packaging").mkdir()
        (root / "packaging" / "constraints.txt").write_text("torch==2.13.0\n")
        (root / "pyproject.toml").write_text("")
        (root / ".venv" / "bin").mkdir(parents=True)
        (root / ".venv" / "bin" / "python").symlink_to("/usr/bin/env")
        model = root / ".local" / "share" / "AutoGLM Desktop" / "models" / "m"
        model.mkdir(parents=True)
        (model / "autoglm.json").touch()
