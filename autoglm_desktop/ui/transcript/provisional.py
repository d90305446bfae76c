"""What the very end of a growing answer most likely becomes, so that it does not jump when it is closed.

Only the display while streaming uses this; the end result never does.
"""

from __future__ import annotations

import re

from autoglm_desktop.core.markup import SCRIPT_TAG

from .fences import Fences

_DELIMITER_BEGUN = re.compile(r"^[\s|:-]*$")


def close_open_ends(text: str) -> str:
    """`text` with the open ends of its last paragraph closed: a formula, a table's head, code, bold."""
    if _in_fence(text):
        return text
    start = text.rfind("\n\n") + 2 if "\n\n" in text else 0
    head, last = text[:start], text[start:]
    return head + (_formula(last) or _table(last) or _inline(last))


def _in_fence(text: str) -> bool:
    if "```" not in text and "~~~" not in text:
        return False
    fences = Fences()
    for line in text.split("\n"):
        fences.feed(line)
    return fences.is_open


def _formula(last: str) -> str | None:
    for opener, closer in (("$$", "$$"), ("\\[", "\\]")):
        position = last.rfind(opener)
        is_open = last.count("$$") % 2 == 1 if opener == closer else position >= 0 and closer not in last[position:]
        if is_open and last[position + 2 :].strip(" \n$\\"):
            break_line = "\n" if "\n" in last[position:] else ""
            return last.rstrip("\n$") + break_line + closer
    return None


def _table(last: str) -> str | None:
    lines = last.split("\n")
    if not lines[0].lstrip().startswith("|") or len(lines) > 2:
        return None
    columns = lines[0].strip().strip("|").count("|") + 1
    if len(lines) == 2 and not _DELIMITER_BEGUN.match(lines[1]):
        return None
    if not lines[0].strip(" |"):
        return None
    return f"{lines[0]}\n{'|---' * columns}|"


def _inline(last: str) -> str:
    if last.count("`") % 2 == 1:
        return last + "`"
    tags = SCRIPT_TAG.findall(last)
    if tags and not tags[-1][0]:
        return f"{last}</{tags[-1][1]}>"
    if last.count("**") % 2 == 1 and last.rsplit("**", 1)[1].strip(" *\n"):
        bare = last.rstrip()
        return bare + ("*" if bare.endswith("*") else "**")
    return last
