"""Work on a model as it runs: what is being done, how much, how fast, how long still, and the way to stop it."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.models.progress import PullProgress, PullStage
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.jobs import Cancelled, Job, RateMeter, Report, Work

from .parts import Panel, describe, label


class PullView(Panel):
    """Pulls one model at a time, or does other work on one, and shows how far it is."""

    finished = Signal(str)
    """A pull ended: id of the model that is ready now."""
    done = Signal(object)
    """Other work ended, with its result."""
    stopped = Signal()
    """Cancelled or failed. What a pull got is kept and a next try goes on from there."""

    def __init__(
        self,
        look: Appearance,
        library: ModelLibrary,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(look)
        self._library, self._clock = library, clock
        self._job: Job | None = None
        self._ended: Callable[[object], None] = self.done.emit
        self._beginning: Text = msg("Connecting…")
        self._resumes = True
        self._meter = RateMeter()
        self._last: PullProgress | None = None
        self.error: ErrorReport | None = None
        self.stage, self.amount = label("heading"), label("secondary")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.failure = label("error", wrap=True)
        self.cancel_button = QPushButton()
        self.cancel_button.clicked.connect(self.cancel)
        self._lay_out()
        self.settle()

    @property
    def running(self) -> bool:
        return self._job is not None

    def start(self, model_id: str) -> None:
        """Pull `model_id`, unless something runs already."""

        def work(report: Report, cancelled: Cancelled) -> object:
            return self._library.pull(model_id, report, cancelled)

        self._start(f"pull-{model_id}", work, msg("Connecting…"), lambda _: self.finished.emit(model_id), resumes=True)

    def run(self, name: str, work: Work, beginning: Text) -> None:
        """Do `work`, unless something runs already; `beginning` is said until the work tells its progress."""
        self._start(name, work, beginning, self.done.emit, resumes=False)

    def _start(self, name: str, work: Work, beginning: Text, ended: Callable[[object], None], *, resumes: bool) -> None:
        if self._job is not None:
            return
        self._beginning, self._ended, self._resumes = beginning, ended, resumes
        self._meter, self._last, self.error = RateMeter(), None, None
        self.bar.setRange(0, 0)
        self._job = Job(work, name=name, parent=self)
        self._job.progressed.connect(self._show)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.start()
        self.retranslate()

    def cancel(self) -> None:
        """Stop what runs; what a pull got stays on disk."""
        if self._job is not None:
            self._job.cancel()
            self.cancel_button.setEnabled(False)

    def close_job(self) -> None:
        """End a running pull without telling anyone. Called when the window closes."""
        if self._job is not None:
            self._job.close()
            self._job = None

    def retranslate(self) -> None:
        self.stage.setText(self._stage_words())
        self.amount.setText(self._amount_words())
        self.failure.setText(self.error.line() if self.error is not None else "")
        self.failure.setVisible(self.error is not None)
        self.cancel_button.setVisible(self.running)
        self.cancel_button.setText(tr("Cancel"))
        if self._resumes:
            kept = tr("What has arrived is kept; you can go on later.")
            describe(self.cancel_button, tr("Cancel the download"), kept)
            describe(self.bar, tr("Download progress"))
        else:
            describe(self.cancel_button, tr("Cancel"), tr("Nothing is changed then."))
            describe(self.bar, tr("Progress"))
        for part in (self.stage, self.amount, self.bar):
            part.setVisible(self.running)

    def _show(self, progress: PullProgress) -> None:
        if self._last is not None and self._last.stage is not progress.stage:
            self._meter = RateMeter()
        self._last = progress
        self._meter.add(self._clock(), progress.done_bytes)
        self.bar.setRange(0, 1000 if progress.total_bytes else 0)
        if progress.total_bytes:
            self.bar.setValue(round(1000 * progress.done_bytes / progress.total_bytes))
        self.stage.setText(self._stage_words())
        self.amount.setText(self._amount_words())

    def _stage_words(self) -> str:
        if self._last is None:
            return str(self._beginning)
        return {
            PullStage.CONNECTING: tr("Connecting to {source}…", source=self._last.source),
            PullStage.DOWNLOADING: tr("Downloading from {source}", source=self._last.source),
            PullStage.COPYING: tr("Copying the files"),
            PullStage.VERIFYING: tr("Verifying the checksum"),
            PullStage.CONVERTING: tr("Preparing the weights"),
            PullStage.DONE: tr("Done"),
        }[self._last.stage]

    def _amount_words(self) -> str:
        if self._last is None or not self._last.total_bytes:
            return ""
        done, total = self._last.done_bytes, self._last.total_bytes
        words = [tr("{done} of {total}", done=figures.size(done), total=figures.size(total))]
        if self._last.stage is PullStage.DOWNLOADING and (rate := self._meter.bytes_per_s):
            words.append(tr("{size}/s", size=figures.size(round(rate))))
        if (left_s := self._meter.left_s(total)) is not None and done < total:
            words.append(tr("{time} left", time=figures.duration(left_s)))
        return " · ".join(words)

    def _succeeded(self, result: object) -> None:
        self._end()
        self._ended(result)

    def _failed(self, report: ErrorReport) -> None:
        self.error = None if report.code is ErrorCode.CANCELLED else report
        self._end()
        self.stopped.emit()

    def _end(self) -> None:
        if self._job is not None:
            self._job.close()
            self._job.deleteLater()
            self._job = None
        self.cancel_button.setEnabled(True)
        self.retranslate()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.stage)
        column.addWidget(self.bar)
        row = QHBoxLayout()
        row.addWidget(self.amount, 1)
        row.addWidget(self.cancel_button)
        column.addLayout(row)
        column.addWidget(self.failure)
