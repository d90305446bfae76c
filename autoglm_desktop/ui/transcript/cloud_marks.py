"""That an answer came from the cloud, or why it did not: words under it."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.routing import AnsweredBy, Where

from .buttons import TierBadge, Words
from .look import Look


def cloud_marks(look: Look, node: Node, parent: QWidget) -> list[QWidget]:
    """Who answered, where that is worth saying; nothing for an ordinary answer of this machine.

    An answer of the cloud wears no tier: nobody here knows its precision.
    """
    by = node.usage.answered_by if node.usage is not None else None
    if by is None or node.usage is None:
        return []
    if by.where is Where.CLOUD:
        return [_words(look, cloud_words(by), look.theme.accent, str(by.reason), parent)]
    here = _words(look, tr("Answered here: {reason}", reason=str(by.reason)), look.theme.int4, str(by.reason), parent)
    return [TierBadge(look, node.usage.tier, parent), here]


def cloud_words(by: AnsweredBy) -> str:
    """What an answer of the cloud wears."""
    return tr("Answered in the cloud by {model} at {host}", model=by.model, host=by.endpoint)


def _words(look: Look, text: str, color: str, tip: str, parent: QWidget) -> Words:
    made = Words(text, look.figures(), look.ink(color), parent)
    made.setToolTip(tip)
    made.setAccessibleDescription(tip)
    return made
