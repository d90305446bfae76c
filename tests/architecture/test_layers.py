"""The layers hold: import contracts, and what an import loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.scripts import ROOT


def _loaded(module: str) -> set[str]:
    """Top-level names of everything that importing `module` loads, in a fresh process."""
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    return set(done.stdout.split())


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=200)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


HEAVY = {"torch", "transformers", "bitsandbytes"}
NETWORK = {"httpx", "httpx2", "huggingface_hub"}
QT = {"PySide6", "shiboken6"}


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("autoglm_desktop.core", HEAVY | NETWORK | QT | {"numpy"}),
        (
            "autoglm_desktop.core.errors, autoglm_desktop.core.events, autoglm_desktop.core.settings",
            HEAVY | QT | {"numpy"},
        ),
        ("autoglm_desktop.models.library", HEAVY | NETWORK | QT | {"numpy", "gguf", "tokenizers"}),
        ("autoglm_desktop.store", HEAVY | QT),
        ("autoglm_desktop.assistant.assistant", HEAVY | QT),
        ("autoglm_desktop.engine.client", HEAVY | QT | {"numpy"}),
        ("autoglm_desktop.cli", HEAVY | QT),
        ("autoglm_desktop.app", HEAVY),
    ],
    ids=lambda value: value.partition(",")[0] if isinstance(value, str) else "",
)
def test_importing_a_layer_does_not_load(module: str, never: set[str]) -> None:
    loaded = _loaded(module)
    assert "autoglm_desktop" in loaded
    assert loaded & never == set()


def test_the_probe_would_notice() -> None:
    assert "sqlite3" in _loaded("sqlite3")
    assert "PySide6" in _loaded("autoglm_desktop.ui.bridge")
