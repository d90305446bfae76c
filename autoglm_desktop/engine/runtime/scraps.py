"""Tells text from what only looks like a letter: the rim of a cup that was read as an 8.

A scrap is short and stands alone, and is unsure, tiny, or as large as the picture itself. That is searched for in
photographs: a single figure on a plain ground is written there. Real short texts in photographs (a price, a number on a
door) are sure and of a middling size.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image

from autoglm_desktop.core.perception import ImageLabel, TextLine

from .orientation import SURE, Found, is_lengthy

LEGIBLE = 0.5
"""Least confidence of a line that is handed on."""
_ISOLATED = 10
"""Characters in sure lines of several, below which short lines stand alone: a page has more."""
_SHORT = 2
_SURE_SHORT = 0.9
_TINY = 0.03
"""Of the picture's shorter side."""
_GIANT = 0.4
"""Of the picture's area."""
_RINGS = frozenset("0OoCcQDU口日の●○")
"""Alone in a photograph they are wheels, plates, faces."""
_UNSURE_WORD = 0.6
_FEW = 3
"""Lines that cannot be read are writing of a kind unknown here from so many on, in a photograph; else texture."""
_COLOURS, _SIDE = 3, 128
_PHOTOGRAPH = 0.5
"""Share of the picture in its three commonest colours: a page and a screen have more of them, a photograph less."""
_CERTAIN = 0.5
"""Probability of a label that makes a picture one of a thing, on whatever ground."""
_WRITTEN = frozenset(
    {
        "binder",
        "book jacket",
        "comic book",
        "crossword puzzle",
        "digital clock",
        "envelope",
        "menu",
        "notebook",
        "odometer",
        "packet",
        "rule",
        "scoreboard",
        "street sign",
        "web site",
    }
)
"""Labels of things that bear text."""


def without_scraps(found: Sequence[Found], picture: Image.Image, labels: Sequence[ImageLabel]) -> list[Found]:
    """The lines that are text, or may be."""
    texts = [one.line for one in found]
    if (
        sum(_length(line.text) for line in texts if line.confidence >= SURE and _length(line.text) > _SHORT)
        >= _ISOLATED
    ):
        return list(found)
    photograph = is_photograph(picture, labels)
    unreadable = sum(line.confidence < LEGIBLE and is_lengthy(line.box) for line in texts)
    is_writing = unreadable >= _FEW or not photograph
    return [one for one in found if not _is_scrap(one.line, picture.size, photograph=photograph, is_writing=is_writing)]


def is_photograph(picture: Image.Image, labels: Sequence[ImageLabel] = ()) -> bool:
    """Whether it shows things, by its colours or by what it is taken for; else it is a page, a screen, a drawing."""
    if any(label.probability >= _CERTAIN and label.name not in _WRITTEN for label in labels):
        return True
    pixels = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.NEAREST), np.uint16) >> 4
    counts = np.bincount((pixels @ np.array((256, 16, 1), np.uint16)).ravel(), minlength=4096)
    return float(np.sort(counts)[-_COLOURS:].sum()) < _PHOTOGRAPH * _SIDE * _SIDE


def _is_scrap(line: TextLine, size: tuple[int, int], *, photograph: bool, is_writing: bool) -> bool:
    if line.confidence < LEGIBLE:
        return not (is_writing and is_lengthy(line.box))
    if _length(line.text) > _SHORT:
        return photograph and line.confidence < _UNSURE_WORD
    width, height = line.box[2] - line.box[0], line.box[3] - line.box[1]
    unsure = line.confidence < _SURE_SHORT
    giant = _length(line.text) < _SHORT and width * height > _GIANT * size[0] * size[1]
    if not photograph:
        return giant and unsure
    return giant or unsure or line.text in _RINGS or min(width, height) < _TINY * min(size)


def _length(text: str) -> int:
    """In letters, figures and signs of currency."""
    return sum(character.isalnum() or unicodedata.category(character) == "Sc" for character in text)
