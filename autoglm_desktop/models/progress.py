"""How a pull tells what it does, and how it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

REPORT_EVERY_S = 0.1


class PullStage(StrEnum):
    CONNECTING = "connecting"
    """Waiting for a source, or for another process that fetches the same model."""
    DOWNLOADING = "downloading"
    COPYING = "copying"
    """Of a model that was on this machine already."""
    VERIFYING = "verifying"
    CONVERTING = "converting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Where a pull stands. Bytes of the current stage (0 of 0 where nothing can be counted); `source` in words."""

    stage: PullStage
    done_bytes: int
    total_bytes: int
    source: str


OnProgress = Callable[[PullProgress], None]
Cancelled = Callable[[], bool]


class Monitor:
    """Passes progress on, at most ten times a second within a stage, and turns a wish to stop into CANCELLED."""

    def __init__(self, on_progress: OnProgress, cancelled: Cancelled, *, resumes: bool = True) -> None:
        """`resumes`: what was done until a stop is kept, as by a download."""
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._resumes = resumes
        self._stage: PullStage | None = None
        self._reported_s = 0.0
        self.source = ""

    def report(self, stage: PullStage, done_bytes: int = 0, total_bytes: int = 0) -> None:
        """Tell where the stage stands. Raises AppError CANCELLED when the user asked to stop."""
        self.check()
        now_s = time.monotonic()
        if stage is self._stage and done_bytes < total_bytes and now_s - self._reported_s < REPORT_EVERY_S:
            return
        self._stage, self._reported_s = stage, now_s
        self._on_progress(PullProgress(stage, done_bytes, total_bytes, self.source))

    def check(self) -> None:
        """Raise AppError CANCELLED when the user asked to stop."""
        if not self._cancelled():
            return
        if self._resumes:
            raise AppError(
                ErrorCode.CANCELLED,
                msg("The download was stopped."),
                msg("What has arrived is kept; the next download goes on from there."),
            )
        raise AppError(ErrorCode.CANCELLED, msg("It was stopped; nothing was changed."), msg("Start it again."))


def untold(_: PullProgress) -> None:
    """Progress that nobody looks at."""


def never() -> bool:
    """Work that nobody stops."""
    return False


def silent() -> Monitor:
    """A monitor that tells nobody and never stops."""
    return Monitor(untold, never)
