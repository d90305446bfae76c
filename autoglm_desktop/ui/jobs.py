"""Long work off the GUI thread: one thread a job, results as signals on the GUI thread, joined at the end."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import msg

from .bridge import Bridge

log = logging.getLogger(__name__)

Report = Callable[[object], None]
Cancelled = Callable[[], bool]
Work = Callable[[Report, Cancelled], object]


class Job(QObject):
    """Runs `work(report, cancelled)` once. Exactly one of `succeeded` and `failed` follows, unless it was abandoned."""

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    """With an `ErrorReport`; its code is CANCELLED after `cancel`."""

    def __init__(self, work: Work, *, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._cancelled = threading.Event()
        self._bridge = Bridge(_call, parent=self)
        self._thread = threading.Thread(target=self._run, name=name)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to end; `failed` follows with CANCELLED."""
        self._cancelled.set()

    def close(self, timeout_s: float = 10.0) -> None:
        """Cancel, drop what would still be told, and wait for the thread."""
        self.cancel()
        self._bridge.close()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            result = self._work(self._report, self._cancelled.is_set)
        except AppError as error:
            report = error.report
            self._bridge.post(lambda: self.failed.emit(report))
        except Exception as error:
            log.exception("job %s failed", self._thread.name)
            unexpected = unexpected_report(error)
            self._bridge.post(lambda: self.failed.emit(unexpected))
        else:
            self._bridge.post(lambda: self.succeeded.emit(result))

    def _report(self, progress: object) -> None:
        self._bridge.post(lambda: self.progressed.emit(progress))


def _call(emit: object) -> None:
    if callable(emit):
        emit()


def unexpected_report(error: BaseException) -> ErrorReport:
    """A failure nobody foresaw, as something that can be shown."""
    return ErrorReport(
        ErrorCode.ENGINE_FAILED,
        msg("Something went wrong inside the application."),
        msg("Try again; if it happens again, the log says more."),
        details=f"{type(error).__name__}: {error}",
    )


class RateMeter:
    """Bytes per second over the last seconds, from (time, bytes done) samples."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at_s: float, done_bytes: int) -> None:
        """Take a sample; a count that went back (another source, another stage) starts anew."""
        if self._samples and done_bytes < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((at_s, done_bytes))
        while at_s - self._samples[0][0] > self._window_s and len(self._samples) > 2:
            self._samples.popleft()

    @property
    def bytes_per_s(self) -> float | None:
        """None until two samples lie half a second apart."""
        if len(self._samples) < 2:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last_s - first_s >= 0.5 else None

    def left_s(self, total_bytes: int) -> float | None:
        """Seconds until `total_bytes` at this rate, or None while that is not known."""
        rate = self.bytes_per_s
        if not rate or not self._samples:
            return None
        return max(0.0, (total_bytes - self._samples[-1][1]) / rate)
