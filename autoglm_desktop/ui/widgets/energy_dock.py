"""The energy panel on the right: what is known today, and the place of what comes later with the reason.

Every figure here was measured by the engine on this machine; what nobody measures yet shows no figure at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.assistant.tiering import FP16_ABOVE_PERCENT, INT8_ABOVE_PERCENT
from autoglm_desktop.core.events import EngineState, EngineStatus, Usage
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.state import LogLine
from autoglm_desktop.ui.style import DOCK_PX, Theme, tier_text

from .parts import Panel, card, describe, label, paint_icon, tool_button


class EnergyDock(Panel):
    """Shows tier, last answer, memory and a log of events; battery, power and heat keep their place."""

    close_requested = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("dock")
        self.setFixedWidth(DOCK_PX)
        self._title = label("heading")
        self._source = label("secondary")
        self.close_button = tool_button()
        self.close_button.clicked.connect(self.close_requested)
        self.battery, self.tier = BatteryCard(look), TierCard(look)
        self.power, self.answer = LaterCard(look), AnswerCard(look)
        self.memory, self.log = MemoryCard(look), LogCard(look)
        self._lay_out()
        self.settle()

    def show_tier(self, tier: Tier, reason: str) -> None:
        """The tier that answers now, and why."""
        self.tier.show_tier(tier, reason)

    def show_status(self, status: EngineStatus) -> None:
        """Memory of the engine process, while there is one."""
        self.memory.show_status(status)

    def show_usage(self, usage: Usage | None) -> None:
        """Figures of the last answer of this conversation; None while it has none."""
        self.answer.show_usage(usage)

    def show_log(self, lines: Sequence[LogLine]) -> None:
        """Events, newest first."""
        self.log.show_lines(lines)

    def retranslate(self) -> None:
        self._title.setText(tr("Energy"))
        self._source.setText(tr("this machine"))
        describe(self.close_button, tr("Hide the energy panel"), tr("Hide the energy panel (Ctrl+E)"))
        self.setAccessibleName(tr("Energy"))

    def set_theme(self, theme: Theme) -> None:
        paint_icon(self.close_button, "x", theme)

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 10, 4, 12)
        outer.setSpacing(8)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 8, 0)
        head.addWidget(self._title)
        head.addStretch()
        head.addWidget(self._source)
        head.addWidget(self.close_button)
        outer.addLayout(head)
        body = QWidget()
        body.setObjectName("dockBody")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(12)
        for part in (self.battery, self.tier, self.power, self.answer, self.memory):
            column.addWidget(part)
        column.addWidget(self.log, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        outer.addWidget(scroll, 1)


class _Card(Panel):
    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        frame, self.column = card()
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(frame)


class BatteryCard(_Card):
    """The place of the battery slider: shown, disabled, with the reason."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._title, self._note = label("secondary"), label("caption", wrap=True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setEnabled(False)
        self.column.addWidget(self._title)
        self.column.addWidget(self.slider)
        self.column.addLayout(_thresholds())
        self.column.addWidget(self._note)
        self.settle()

    def retranslate(self) -> None:
        self._title.setText(tr("Battery of a simulated phone"))
        self._note.setText(tr("Comes with a later version."))
        describe(self.slider, tr("Battery level"), tr("The simulated phone comes with a later version."))


class LaterCard(_Card):
    """The place of power and temperatures: named, without a figure, with the reason."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._title, self._note = label("secondary"), label("caption", wrap=True)
        self.column.addWidget(self._title)
        self.column.addWidget(self._note)
        self.settle()

    def retranslate(self) -> None:
        self._title.setText(tr("Power and temperature"))
        self._note.setText(tr("Not measured yet: the sensors are read from a later version on."))


class TierCard(_Card):
    """The tier as a written badge in its colour, and the reason."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.badge, self.reason = TierBadge(look), label("secondary", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.reason, 1)
        self.column.addLayout(row)
        self.settle()

    def show_tier(self, tier: Tier, reason: str) -> None:
        """The tier that answers now, and why."""
        self.badge.show_tier(tier)
        self.reason.setText(reason)


class TierBadge(Panel):
    """A tier's name in an outline of its colour."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._tier = Tier.INT8
        self._text = QLabel()
        inside = QHBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._text)
        self.settle()

    def show_tier(self, tier: Tier) -> None:
        """Write the name of `tier` in its colour."""
        self._tier = tier
        self._text.setText(tier.label)
        self.setAccessibleName(tr("Tier {tier}", tier=tier.label))
        self.set_theme(self.look.theme)

    def set_theme(self, theme: Theme) -> None:
        color = tier_text(theme, self._tier)
        self._text.setStyleSheet(
            f"color: {color}; border: 1px solid {color}; border-radius: 5px;"
            f"padding: 2px 8px; font-weight: 700; font-size: {theme.px(13)}px;"
        )


class AnswerCard(_Card):
    """What the last answer took, all of it measured by the engine's clock."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._usage: Usage | None = None
        self._title, self._none = label("secondary"), label("caption", wrap=True)
        self._badge = label("badge")
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch()
        head.addWidget(self._badge)
        self.column.addLayout(head)
        self.column.addWidget(self._none)
        self._names = [label("secondary") for _ in range(4)]
        self.values = [label("figure") for _ in range(4)]
        self._grid = QWidget()
        grid = QGridLayout(self._grid)
        grid.setContentsMargins(0, 2, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        for number, (name, value) in enumerate(zip(self._names, self.values, strict=True)):
            row, place = divmod(number, 2)
            grid.addWidget(name, row * 2, place)
            grid.addWidget(value, row * 2 + 1, place)
            grid.setColumnStretch(place, 1)
        self.column.addWidget(self._grid)
        self.settle()

    def show_usage(self, usage: Usage | None) -> None:
        """Figures of an answer, or None for a conversation without one."""
        self._usage = usage
        self.retranslate()

    def retranslate(self) -> None:
        self._title.setText(tr("Last answer"))
        self._badge.setText(tr("measured"))
        self._none.setText(tr("Figures appear here after the first answer."))
        known = self._usage is not None
        self._none.setVisible(not known)
        self._grid.setVisible(known)
        self._badge.setVisible(known)
        if self._usage is not None:
            for (name, value), named, shown in zip(_answer_figures(self._usage), self._names, self.values, strict=True):
                named.setText(name)
                shown.setText(value)
                describe(shown, f"{name}: {value}")


class MemoryCard(_Card):
    """Bytes of weights, KV caches and the engine process; the parts that load later are named."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._status = EngineStatus(EngineState.STOPPED)
        self.rows = [(label("body"), label("muted")) for _ in range(5)]
        grid = QGridLayout()
        grid.setVerticalSpacing(7)
        grid.setColumnStretch(0, 1)
        for number, (name, value) in enumerate(self.rows):
            grid.addWidget(name, number, 0)
            grid.addWidget(value, number, 1, Qt.AlignmentFlag.AlignRight)
        self.column.addLayout(grid)
        self.settle()

    def show_status(self, status: EngineStatus) -> None:
        """The engine's state and memory."""
        self._status = status
        self.retranslate()

    def retranslate(self) -> None:
        for (name, value), (named, shown) in zip(memory_figures(self._status), self.rows, strict=True):
            named.setText(name)
            shown.setText(value)
            describe(shown, f"{name}: {value}")


class LogCard(_Card):
    """What happened, newest first, with the time of day."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._lines: tuple[LogLine, ...] = ()
        self.text = label("secondary", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.column.addWidget(self.text, 1)
        self.settle()

    def show_lines(self, lines: Sequence[LogLine]) -> None:
        """Events, newest first."""
        self._lines = tuple(lines)
        self.retranslate()

    def retranslate(self) -> None:
        self.text.setText(
            "\n".join(f"{datetime.fromtimestamp(line.at_s):%H:%M:%S}  {line.text}" for line in self._lines)
            or tr("Loading, tier switches and answers are listed here.")
        )
        self.text.setAccessibleName(tr("Log of events"))


def _thresholds() -> QHBoxLayout:
    """Below the slider: where the guide's tiers begin, in percent."""
    row = QHBoxLayout()
    row.setSpacing(0)
    low, high = round(INT8_ABOVE_PERCENT), round(FP16_ABOVE_PERCENT)
    marks = ((Tier.INT4.label, low), (str(low), 0), (Tier.INT8.label, high - low), (str(high), 0))
    for text, share in (*marks, (Tier.FP16.label, 100 - high)):
        mark = label("caption", text)
        mark.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        row.addWidget(mark, share)
    return row


def one_line(tier: Tier, status: EngineStatus, usage: Usage | None) -> str:
    """The panel in one line, for the status bar while the panel is hidden."""
    parts = [tier.label]
    if status.memory is not None:
        parts.append(tr("weights {size}", size=figures.size(status.memory.weights_bytes)))
        parts.append(tr("KV {size}", size=figures.size(status.memory.kv_bytes)))
        parts.append(tr("engine {size}", size=figures.size(status.memory.rss_bytes)))
    if usage is not None:
        parts.append(
            tr(
                "last answer {tokens} tokens, {rate} tok/s",
                tokens=usage.completion_tokens,
                rate=figures.rate(usage.decode_tok_s),
            )
        )
    return " · ".join(parts)


def memory_figures(status: EngineStatus) -> tuple[tuple[str, str], ...]:
    """Names and values of the memory card."""
    memory, absent = status.memory, tr("not loaded")
    later = tr("later version")
    loaded = memory is not None and memory.weights_bytes > 0
    weights = (
        tr("{size} · loaded", size=figures.size(memory.weights_bytes)) if memory is not None and loaded else absent
    )
    return (
        (tr("Text backbone"), weights),
        (tr("KV caches"), figures.size(memory.kv_bytes) if memory is not None else absent),
        (tr("Engine process"), figures.size(memory.rss_bytes) if memory is not None else absent),
        (tr("Image reading"), later),
        (tr("Speech front end"), later),
    )


def _answer_figures(usage: Usage) -> tuple[tuple[str, str], ...]:
    share = 100 * usage.cached_tokens / usage.prompt_tokens if usage.prompt_tokens else 0
    return (
        (tr("Rate"), tr("{rate} tok/s", rate=figures.rate(usage.decode_tok_s))),
        (tr("First token"), figures.seconds(usage.ttft_s)),
        (tr("Tokens"), figures.count(usage.completion_tokens)),
        (tr("Prompt from cache"), f"{share:.0f} %"),
    )
