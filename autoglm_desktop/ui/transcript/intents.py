"""What a person asks for in the column, as signals that every message shares."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Intents(QObject):
    edit_submitted = Signal(str, str)
    """Id of the user's node, new text."""
    regenerate_requested = Signal(str)
    branch_selected = Signal(str)
    retry_requested = Signal(str)
    """The answer was interrupted or failed: make it again."""
    continue_requested = Signal(str)
    """The answer was stopped or hit its limit: go on."""
    context_choice = Signal(str, str)
    """Id of the answer that did not fit, and ``new`` or ``drop_oldest``."""
    tier_suggested = Signal(str, str)
    """Id of the answer that failed, and the tier to make it in."""
    models_requested = Signal()
    """Another model is to be chosen."""
    log_requested = Signal()
    copied = Signal(str)
    """Id of the node whose Markdown is on the clipboard now."""
    expanded = Signal(str, bool)
    draft_changed = Signal(str, object)
    """Id, and the text being edited, or None when editing ended."""
    image_opened = Signal(str, int)
    """Id of the node, and the place of the image among its images."""
    reading_expanded = Signal(str, bool)
