"""What text may contain to be stored."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """NUL and lone surrogates (bytes that were no UTF-8) become U+FFFD: SQLite cannot hold the one, UTF-8 the other."""
    return _UNSTORABLE.sub("\ufffd", text)
