"""Files of networks that come with their packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.pins import require_pinned


def package_folder(name: str) -> Path:
    """Where a package lies, without running it. Raises AppError ENGINE_FAILED."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise missing(name)
    return Path(spec.origin).parent


def present(path: Path) -> Path:
    """The path. Raises AppError ENGINE_FAILED when there is no such file, or it is not the pinned one."""
    if not path.is_file():
        raise missing(path.name)
    return require_pinned(path)


def missing(name: str) -> AppError:
    """The error to raise."""
    return AppError(
        ErrorCode.ENGINE_FAILED,
        msg("A part that reads images is missing: {name}.", name=name),
        msg("Install the application anew: bash packaging/run.sh --setup"),
    )
