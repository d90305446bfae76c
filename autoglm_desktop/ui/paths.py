"""Where a run keeps its files. Without Qt, for the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataPaths:
    """Files of a data folder."""

    data_dir: Path

    @property
    def log(self) -> Path:
        return self.data_dir / "logs" / "window.log"

    @property
    def engine_log(self) -> Path:
        return self.data_dir / "logs" / "engine.log"

    @property
    def settings(self) -> Path:
        return self.data_dir / "settings.json"

    @property
    def store(self) -> Path:
        return self.data_dir / "conversations.sqlite3"

    @property
    def phones(self) -> Path:
        """The user's own profiles of simulated phones; need not exist."""
        return self.data_dir / "phones"

    @property
    def scenarios(self) -> Path:
        """The user's own battery scenarios; need not exist."""
        return self.data_dir / "scenarios"

    @property
    def window(self) -> Path:
        """Geometry of the window."""
        return self.data_dir / "window.ini"

    @property
    def kiosk_files(self) -> Path:
        """Where a kiosk and its engine put temporary files; a wipe, and every start, empties it."""
        return self.data_dir / "kiosk-tmp"
