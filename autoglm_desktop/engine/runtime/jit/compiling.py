"""How functions are compiled: without the interpreter's lock, for this processor."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit
from numba.extending import intrinsic

_LOG = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., object])


def _keep_by_sources() -> None:
    """Keep what is compiled in a folder that the sources name, beside the byte code.

    The compiler itself looks at the module of a function alone, and would go on using what an older version of another
    module went into. Where that folder cannot be written it takes the user's cache. A folder that the user named stays.
    """
    config: Any = numba.config
    if config.CACHE_DIR:
        return
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(here.glob("*.py")):
        digest.update(path.read_bytes())
    home = here / "__pycache__"
    kept = home / f"compiled-{digest.hexdigest()[:12]}"
    config.CACHE_DIR = str(kept)
    if kept.is_dir() or not home.is_dir():
        return
    for older in home.glob("compiled-*"):
        _LOG.info("removing what older sources were compiled to: %s", older.name)
        shutil.rmtree(older, ignore_errors=True)


_keep_by_sources()


def compiled(function: F) -> F:
    """Compile `function` when it is first called; other threads go on while it runs. What was compiled is kept."""
    return cast(F, njit(nogil=True, fastmath=True, error_model="numpy", cache=True)(function))


def primitive(typed: Callable[..., Any]) -> Any:
    """Make a function of types, which returns a signature and what emits the code, callable from compiled code."""
    return intrinsic(typed)
