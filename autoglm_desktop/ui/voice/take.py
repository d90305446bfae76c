"""One recording or sound file on its way into a draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.events import Phase
from autoglm_desktop.core.i18n import Text

from .draft import SpokenDraft


@dataclass(slots=True, eq=False)
class Take:
    """A client of the scribe. `changed` is called when something came of it."""

    draft: SpokenDraft
    changed: Callable[[], None]
    source: str = ""
    """Name of the file, if it is one."""
    phase: Phase | None = None
    """What the engine does before it writes."""
    note: Text | None = None
    error: ErrorReport | None = None

    def working(self, phase: Phase) -> None:
        if self.phase is not phase:
            self.phase = phase
            self.changed()

    def heard(self, text: str) -> None:
        """A piece of what was said, in its draft at once."""
        self.phase = None
        self.draft.add(text)
        self.changed()

    def written(self, error: ErrorReport | None) -> None:
        """A part is written down."""
        self.error = error or self.error
        self.changed()
