"""Links of answers: nothing is opened or loaded but by a click, and only http, https and mailto."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from .parser import SAFE_SCHEMES


def open_link(url: QUrl) -> bool:
    """Hand a link to the system's browser or mail program; False when it is not of a kind that is opened."""
    return url.toString().lower().startswith(SAFE_SCHEMES) and QDesktopServices.openUrl(url)
