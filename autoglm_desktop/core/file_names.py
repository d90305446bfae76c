"""Names of files that come from outside: from a hub, an index, a list. Plain ones only, on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

MAX_NAME_BYTES = 200
"""File systems hold 255; ``.part`` and the like are added to it."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE | re.DOTALL)
"""Devices of Windows. https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""


def is_plain_name(name: object) -> bool:
    """Whether it can be the name of one file: no path, no device, the same file on every system."""
    return (
        isinstance(name, str)
        and 0 < len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES
        and name == name.strip(" .")  # Windows drops them at the end; hidden files are nothing that a model has
        and name.isprintable()
        and _FORBIDDEN.search(name) is None
        and _RESERVED.fullmatch(name) is None
    )


def is_plain_path(path: object) -> bool:
    """Whether it leads downwards only: plain names with ``/`` between them."""
    return isinstance(path, str) and all(map(is_plain_name, path.split("/")))


def require_plain_name(name: str) -> str:
    """The name, for pydantic. Raises ValueError when it is not plain."""
    if not is_plain_name(name):
        raise ValueError(f"{name!r:.100} is no plain name of a file")
    return name


def require_plain_path(path: str) -> str:
    """The path, for pydantic. Raises ValueError when it is not plain."""
    if not is_plain_path(path):
        raise ValueError(f"{path!r:.100} is no plain relative path")
    return path


def first_collision(names: Iterable[str]) -> str | None:
    """The first name that some system takes for one before it: they differ in case or in how accents are written."""
    seen: set[str] = set()
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if folded in seen:
            return name
        seen.add(folded)
    return None


PlainName = Annotated[str, AfterValidator(require_plain_name)]
PlainPath = Annotated[str, AfterValidator(require_plain_path)]
