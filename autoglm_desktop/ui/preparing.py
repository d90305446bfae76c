"""A fetched model is packed for every tier at once, by an engine of its own: nobody waits, and chatting goes on."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar

from autoglm_desktop.assistant.preparing import ALL_TIERS, load_tier
from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.models.library import ModelLibrary

from .appearance import Appearance
from .jobs import Cancelled, Job, Report
from .style import Theme
from .widgets.parts import Panel, describe, label, paint_icon, tool_button

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preparing:
    """How far a tier is, 0 to 1; `number` counts from 1."""

    name: str
    tier: Tier
    number: int
    fraction: float


class Preparer(QObject):
    """Prepares one model after the other. Lives on the GUI thread."""

    progressed = Signal(object)
    """With a `Preparing`."""
    ended = Signal(object)
    """With the `ErrorReport` of what failed, or None."""

    def __init__(self, library: ModelLibrary, make_engine: Callable[[], Engine], parent: QObject | None = None) -> None:
        """`make_engine` gives an engine that is nobody else's; it is closed again."""
        super().__init__(parent)
        self._library, self._make_engine = library, make_engine
        self._waiting: deque[str] = deque()
        self._job: Job | None = None

    @property
    def running(self) -> bool:
        return self._job is not None

    def prepare(self, model_id: str) -> None:
        """Pack all tiers of an installed chat model, after those that wait."""
        self._waiting.append(model_id)
        self._go_on()

    def cancel(self) -> None:
        """Leave what is not prepared yet to its first use."""
        self._waiting.clear()
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """End what runs, telling nobody."""
        self._waiting.clear()
        if self._job is not None:
            self._job.close()
            self._job = None

    def _go_on(self) -> None:
        if self._job is not None or not self._waiting:
            return
        model_id = self._waiting.popleft()
        self._job = Job(lambda report, cancelled: self._pack(model_id, report, cancelled), name="prepare", parent=self)
        self._job.progressed.connect(self.progressed)
        self._job.succeeded.connect(lambda _: self._over(None))
        self._job.failed.connect(self._over)
        self._job.start()

    def _pack(self, model_id: str, report: Report, cancelled: Cancelled) -> None:
        """On the job's thread. A model that no engine here can run is left alone."""
        info = self._library.info(model_id)
        if not info.runnable or "text" not in info.modalities:
            return
        ref = self._library.ref(model_id)
        engine = self._make_engine()
        try:
            for number, tier in enumerate(ALL_TIERS, 1):

                def on_fraction(fraction: float, number: int = number, tier: Tier = tier) -> None:
                    report(Preparing(info.display_name, tier, number, fraction))

                on_fraction(0.0)
                seconds = load_tier(engine, ref, tier, on_fraction, cancelled)
                log.info("%s is ready in %s after %.1f s", model_id, tier.label, seconds)
        finally:
            engine.close()

    def _over(self, report: ErrorReport | None) -> None:
        if self._job is not None:
            self._job.close()
            self._job.deleteLater()
            self._job = None
        self.ended.emit(report)
        self._go_on()


class PreparingBar(Panel):
    """One line above the page while a model is prepared."""

    def __init__(self, look: Appearance, preparer: Preparer) -> None:
        super().__init__(look)
        self._preparer = preparer
        self._last: Preparing | None = None
        self.words = label("secondary")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(140)
        self.stop = tool_button()
        self.stop.clicked.connect(preparer.cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 0, 0)
        row.addWidget(self.words, 1)
        row.addWidget(self.bar)
        row.addWidget(self.stop)
        preparer.progressed.connect(self._show)
        preparer.ended.connect(lambda _: self.setVisible(preparer.running))
        self.hide()
        self.settle()

    def retranslate(self) -> None:
        last = self._last
        if last is not None:
            self.words.setText(
                tr(
                    "Preparing {model} for {tier} ({number} of {count}); you can chat meanwhile.",
                    model=last.name,
                    tier=last.tier.label,
                    number=last.number,
                    count=len(ALL_TIERS),
                )
            )
        describe(self.bar, tr("Preparation progress"))
        describe(self.stop, tr("Stop preparing"), tr("A tier that is not prepared is prepared at its first use."))

    def set_theme(self, theme: Theme) -> None:
        paint_icon(self.stop, "x", theme)

    def _show(self, progress: Preparing) -> None:
        before, self._last = self._last, progress
        self.bar.setValue(round(1000 * progress.fraction))
        if before is None or (before.name, before.tier) != (progress.name, progress.tier):
            self.retranslate()
        self.show()


def is_worth_telling(report: ErrorReport | None) -> bool:
    """Whether a preparation that ended so leaves something to say."""
    return report is not None and report.code is not ErrorCode.CANCELLED
