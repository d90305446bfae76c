"""Where files are: shipped resources, and the user's data folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent

DATA_DIR_VARIABLE = "AUTOGLM_DATA_DIR"


def resource(name: str) -> Path:
    """Path of a shipped file or folder, e.g. ``models.toml``: inside the package (a wheel), else beside it.

    Raises FileNotFoundError when it is in neither place: a broken installation.
    """
    for root in (_PACKAGE / "resources", _PACKAGE.parent / "resources"):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"resource {name!r} is missing from this installation")


def translations(language: str) -> dict[str, str]:
    """The catalogue of a language: English source strings to translations. English needs none."""
    if language == "en":
        return {}
    loaded: dict[str, str] = json.loads(resource(f"i18n/{language}.json").read_text(encoding="utf-8"))
    return loaded


def default_data_dir() -> Path:
    """``AUTOGLM_DATA_DIR``, else the platform's folder for a user's application data. Not created here."""
    override = os.environ.get(DATA_DIR_VARIABLE)
    return Path(override) if override else Path(platformdirs.user_data_dir("AutoGLM Desktop", appauthor=False))
