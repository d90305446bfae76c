"""The HTML that models write amid Markdown and that is understood: line breaks, and text below or above the line."""

from __future__ import annotations

import re

BREAK_TAG = re.compile(r"<(?:br\s*/?|/br\s*)>", re.IGNORECASE)
SCRIPT_TAG = re.compile(r"<(/?)(sub|sup)\s*>", re.IGNORECASE)


def without_tags(text: str) -> str:
    """`text` with a space for each line break, and without the tags around what is lowered or raised."""
    return SCRIPT_TAG.sub("", BREAK_TAG.sub(" ", text))
