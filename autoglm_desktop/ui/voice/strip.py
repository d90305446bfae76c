"""Above the composer: that it listens, how loud, how long, what came of it, and the model if it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.settings import SPEECH_MODEL_ID
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import pixmap
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import Panel, describe, label, paint_icon, tool_button
from autoglm_desktop.ui.widgets.pull_progress import PullView

from .state import HANDS_FREE, RECORDS, Problem, VoicePhase, VoiceState

_BARS, _BAR_PX, _GAP_PX = 96, 3, 2
_PROBLEMS = 5
"""So many are shown one by one."""


class LevelMeter(QWidget):
    """The loudness of the last seconds, a bar for every twentieth of one, the newest at the right."""

    def __init__(self, look: Appearance) -> None:
        super().__init__()
        self._look = look
        self._levels = [0.0] * _BARS
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(60)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @property
    def level(self) -> float:
        """The newest, 0 to 1."""
        return self._levels[-1]

    def add(self, level: float) -> None:
        self._levels = [*self._levels[1:], level]
        describe(self, tr("Level {percent} %", percent=round(level * 100)))
        self.update()

    def clear(self) -> None:
        self._levels = [0.0] * _BARS
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, 24)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        step, middle = _BAR_PX + _GAP_PX, self.height() / 2
        for number, level in enumerate(reversed(self._levels)):
            left = self.width() - (number + 1) * step
            if left < 0:
                break
            height = max(2.0, level * (self.height() - 2))
            painter.setBrush(QColor(self._look.theme.accent if level > 0 else self._look.theme.line))
            painter.drawRoundedRect(QRectF(left, middle - height / 2, _BAR_PX, height), 1.5, 1.5)
        painter.end()


class VoiceStrip(Panel):
    """Shows a `VoiceState`; hidden while there is nothing to show."""

    done_pressed = Signal()
    discard_pressed = Signal()
    dismissed = Signal()
    model_ready = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setProperty("role", "banner")
        self.state = VoiceState()
        self._library: ModelLibrary | None = None
        self._holds = True
        self._mark, self.words, self.time = QLabel(), label("heading"), label("value")
        self.meter = LevelMeter(look)
        self.told = label("muted", wrap=True)
        self.error = label("error", wrap=True)
        self.done_button, self.discard_button, self.fetch_button = QPushButton(), QPushButton(), QPushButton()
        self.fetch_button.setProperty("role", "primary")
        self.close_button = tool_button()
        self.pull: PullView | None = None
        self._lay_out()
        self.done_button.clicked.connect(self.done_pressed)
        self.discard_button.clicked.connect(self.discard_pressed)
        self.close_button.clicked.connect(self.dismissed)
        self.fetch_button.clicked.connect(self._fetch)
        self.hide()
        self.settle()

    def use(self, library: ModelLibrary) -> None:
        """Where the model that writes down speech comes from."""
        self._library = library

    def show_state(self, state: VoiceState, *, holds: bool = True) -> None:
        """`holds`: the recording ends when the button is let go, so no other button for that is shown."""
        before, self.state, self._holds = self.state, state, holds
        if state.phase in RECORDS | HANDS_FREE:
            self.meter.add(state.level)
        elif before.phase in RECORDS | HANDS_FREE:
            self.meter.clear()
        self.time.setText(_clock_words(state.seconds))
        if _words_of(before) != _words_of(state) or self.isHidden():
            self.retranslate()
            self.set_theme(self.look.theme)
        self.setVisible(not state.quiet or self._pulling)

    def close_job(self) -> None:
        """End a download without telling anyone."""
        if self.pull is not None:
            self.pull.close_job()

    def retranslate(self) -> None:
        state = self.state
        phase = state.phase
        self.words.setText(self._phase_words())
        self.told.setText(self._told_words())
        self.error.setText(_problem_lines(state.problems))
        self.done_button.setText(tr("Done"))
        describe(self.done_button, tr("Done"), tr("End the recording and write it down"))
        self.discard_button.setText(tr("Discard"))
        describe(self.discard_button, tr("Discard"), tr("Forget the recording (Esc)"))
        self.fetch_button.setText(self._fetch_words())
        describe(self.fetch_button, self._fetch_words())
        describe(self.close_button, tr("Dismiss"))
        active = phase is not VoicePhase.IDLE
        records = phase in RECORDS
        for part, shown in (
            (self.words, active),
            (self.meter, records or phase in HANDS_FREE),
            (self.time, records),
            (self.done_button, records and not self._holds),
            (self.discard_button, active and phase not in HANDS_FREE),
            (self.told, bool(self.told.text())),
            (self.error, bool(state.problems)),
            (self._texts, not (records or phase in HANDS_FREE) or bool(self.told.text() or state.problems)),
            (self.fetch_button, state.offers_model and not self._pulling),
            (self.close_button, not active and not self._pulling),
        ):
            part.setVisible(shown)
        self.setAccessibleName(f"{self.words.text()} {self.told.text()} {self.error.text()}".strip())

    def set_theme(self, theme: Theme) -> None:
        hot = bool(self.state.problems) or self.state.phase is VoicePhase.RECORDING
        name = "warning-circle" if self.state.problems else "microphone"
        self._mark.setPixmap(pixmap(name, theme.hot if hot else theme.accent, 20, self.devicePixelRatioF()))
        paint_icon(self.close_button, "x", theme)

    @property
    def _pulling(self) -> bool:
        return self.pull is not None and self.pull.running

    def _phase_words(self) -> str:
        state = self.state
        if state.loading:
            return tr("Loading the speech model…")
        if state.queued:
            return tr("Waiting for another answer, then it is written down…")
        if state.phase is VoicePhase.WRITING and state.source:
            return tr("Writing down {name}…", name=state.source)
        return {
            VoicePhase.IDLE: "",
            VoicePhase.OPENING: tr("Opening the microphone…"),
            VoicePhase.RECORDING: tr("Recording"),
            VoicePhase.WRITING: tr("Writing down…"),
            VoicePhase.LISTENING: tr("Listening"),
            VoicePhase.HEARING: tr("Hearing you"),
        }[state.phase]

    def _told_words(self) -> str:
        if self.state.offers_model:
            return tr("Writing down speech needs a model of its own; it runs on this machine.")
        return "\n".join(map(str, self.state.told))

    def _fetch_words(self) -> str:
        if not self.state.offers_model or self._library is None:
            return ""
        model = self._library.info(SPEECH_MODEL_ID)
        return tr(
            "Fetch {name} ({size}, licence {license})",
            name=model.display_name,
            license=model.license or "–",
            size=figures.size(model.download_bytes or 0),
        )

    def _fetch(self) -> None:
        if self._library is None:
            return
        if self.pull is None:
            self.pull = PullView(self.look, self._library)
            self.pull.finished.connect(self._fetched)
            self.pull.stopped.connect(self.retranslate)
            self._column.addWidget(self.pull)
        self.pull.start(SPEECH_MODEL_ID)
        self.retranslate()

    def _fetched(self, _: str) -> None:
        self.retranslate()
        self.model_ready.emit()

    def _lay_out(self) -> None:
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 10, 10, 10)
        self._column.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(10)
        for part in (self._mark, self.words):
            row.addWidget(part)
        row.addWidget(self.meter, 1)
        row.addWidget(self.time)
        self._texts = QWidget()
        texts = QVBoxLayout(self._texts)
        texts.setContentsMargins(0, 0, 0, 0)
        texts.setSpacing(2)
        texts.addWidget(self.told)
        texts.addWidget(self.error)
        row.addWidget(self._texts, 1)
        for button in (self.done_button, self.discard_button, self.fetch_button, self.close_button):
            row.addWidget(button)
        self._column.addLayout(row)


def _problem_lines(problems: Sequence[Problem]) -> str:
    """One line each; of many the first ones and a count."""
    lines = [problem.line() for problem in problems[:_PROBLEMS]]
    if len(problems) > _PROBLEMS:
        lines.append(tr("… and {count} more.", count=len(problems) - _PROBLEMS))
    return "\n".join(lines)


def _words_of(state: VoiceState) -> VoiceState:
    """What the words depend on: all but the meter and the clock, which change twenty times a second."""
    return replace(state, level=0.0, seconds=0.0)


def _clock_words(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
