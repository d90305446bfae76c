"""Spoken text in the field where messages are written."""

from __future__ import annotations

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit


class SpokenDraft:
    """Text that grows at the place where the cursor stood, and can be taken out again.

    It belongs to the document that was written in then: what is said for a conversation stays with it when another one
    is opened meanwhile.
    """

    def __init__(self, edit: QPlainTextEdit) -> None:
        self._edit = edit
        self.document = edit.document()
        self._at = QTextCursor(edit.textCursor())
        self._at.clearSelection()
        self._pieces: list[tuple[QTextCursor, str]] = []
        self._space: QTextCursor | None = None
        """The one that was put between the last word and what stood behind the cursor."""
        self.any_text = False
        """Whether anything was added."""

    @property
    def shown(self) -> bool:
        """Whether its conversation is the open one."""
        return self._edit.document() is self.document

    def add(self, text: str) -> None:
        """Put in another piece, with spaces where the script needs them. Its conversation may be gone: then nothing."""
        text = text.strip()
        if not text or self._at.isNull():
            return
        before, after = self._neighbour(-1), self._neighbour(0)
        words = f" {text}" if _needs_space(before, text[0]) else text
        place = self._insert(words)
        self._pieces.append((place, words))
        if _needs_space(text[-1], after) and after.isalnum():
            self._space = self._insert(" ")
            self._at.setPosition(place.position())
        self.any_text = True
        if self.shown:
            self._edit.ensureCursorVisible()

    def remove(self) -> None:
        """Take out all that was put in; a piece that was changed by hand since stays."""
        pieces, space = self._pieces, self._space
        self._pieces, self._space, self.any_text = [], None, False
        untouched = [place for place, words in pieces if place.selectedText() == words.replace("\n", "\u2029")]
        for place in untouched:
            place.removeSelectedText()
        if space is not None and space.selectedText() == " " and len(untouched) == len(pieces):
            space.removeSelectedText()

    def _insert(self, text: str) -> QTextCursor:
        """Insert at the place; what was inserted, as a selection that what is typed at its ends does not join."""
        begin = self._at.position()
        self._at.insertText(text)
        inserted = QTextCursor(self._at)
        inserted.setPosition(begin)
        inserted.setPosition(self._at.position(), QTextCursor.MoveMode.KeepAnchor)
        inserted.setKeepPositionOnInsert(True)
        return inserted

    def _neighbour(self, offset: int) -> str:
        """The sign before (-1) or behind (0) the end, empty where the text ends."""
        at = self._at.position() + offset
        if not 0 <= at < self.document.characterCount() - 1:
            return ""
        return self.document.characterAt(at).replace("\u2029", "\n")


def _needs_space(left: str, right: str) -> bool:
    if not left or not right or left.isspace() or right.isspace():
        return False
    return not (_is_wide(left) or _is_wide(right))


def _is_wide(sign: str) -> bool:
    """Chinese, Japanese and their punctuation stand without spaces."""
    return "\u2e80" <= sign <= "\u9fff" or "\uf900" <= sign <= "\ufaff" or "\uff00" <= sign <= "\uffef"
