"""The column of messages."""

from autoglm_desktop.ui.transcript.view import TranscriptView

__all__ = ["TranscriptView"]
