"""Spoken text in the field where messages are written."""

from __future__ import annotations

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit


class SpokenDraft:
    """Text that grows at the place where the cursor stood, and can be taken out again."""

    def __init__(self, edit: QPlainTextEdit) -> None:
        self._start, self._end = QTextCursor(edit.textCursor()), QTextCursor(edit.textCursor())
        self._start.clearSelection()
        self._end.clearSelection()
        self._start.setKeepPositionOnInsert(True)
        self._edit = edit
        self.text = ""
        """What was added, joined."""

    def add(self, text: str) -> None:
        """Put in another piece, with spaces where the script needs them."""
        text = text.strip()
        if not text:
            return
        before, after = self._neighbour(-1), self._neighbour(0)
        lead = " " if _needs_space(before, text[0]) else ""
        tail = " " if _needs_space(text[-1], after) and after.isalnum() else ""
        self._end.insertText(f"{lead}{text}")
        if tail:
            place = self._end.position()
            self._end.insertText(tail)
            self._end.setPosition(place)
        self.text += f"{lead}{text}" if self.text else text
        self._edit.ensureCursorVisible()

    def remove(self) -> None:
        """Take out all that was put in."""
        self._start.setPosition(self._end.position(), QTextCursor.MoveMode.KeepAnchor)
        self._start.removeSelectedText()
        self.text = ""

    def _neighbour(self, offset: int) -> str:
        """The sign before (-1) or behind (0) the end, empty where the text ends."""
        at = self._end.position() + offset
        text = self._edit.toPlainText()
        return text[at] if 0 <= at < len(text) else ""


def _needs_space(left: str, right: str) -> bool:
    if not left or not right or left.isspace() or right.isspace():
        return False
    return not (_is_wide(left) or _is_wide(right))


def _is_wide(sign: str) -> bool:
    """Chinese, Japanese and their punctuation stand without spaces."""
    return "\u2e80" <= sign <= "\u9fff" or "\uf900" <= sign <= "\ufaff" or "\uff00" <= sign <= "\uffef"
