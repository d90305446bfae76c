"""Until when the battery must last, and with how much left: for the policy that plans."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isfinite

from PySide6.QtCore import QSignalBlocker, QTime, Signal
from PySide6.QtWidgets import QAbstractSpinBox, QHBoxLayout, QSpinBox, QTimeEdit

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.energy.policies import Goal
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.widgets.parts import Panel, describe, label
from autoglm_desktop.ui.widgets.wheel import scrolls_past

from . import words

_AHEAD = timedelta(hours=6)


class GoalRow(Panel):
    """`chosen` tells a `Goal` on the phone's clock: the next time that it is so late."""

    chosen = Signal(object)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._now_s = 0.0
        self._goal: Goal | None = None
        self._until, self._keep, self.left = label("secondary"), label("secondary"), label("caption")
        self.time, self.reserve = QTimeEdit(), QSpinBox()
        self.time.setDisplayFormat("HH:mm")
        self.reserve.setRange(0, 90)
        self.reserve.setSuffix(" %")
        self.reserve.setSingleStep(5)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 2, 0, 2)
        row.setSpacing(6)
        for box in (self.time, self.reserve):
            box.setKeyboardTracking(False)
            box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            box.setFixedWidth(62)
        scrolls_past(self.time, self.reserve)
        for part in (self._until, self.time, self._keep, self.reserve):
            row.addWidget(part)
        row.addWidget(self.left, 1)
        self.time.timeChanged.connect(self._choose)
        self.reserve.valueChanged.connect(self._choose)
        self.settle()

    def show_goal(self, goal: Goal | None, now_s: float) -> None:
        """The goal, and the phone's clock, both in Unix seconds."""
        self._now_s = now_s
        if goal != self._goal and goal is not None and _sane(goal.until_s):
            self._goal = goal
            with QSignalBlocker(self.time), QSignalBlocker(self.reserve):
                until = datetime.fromtimestamp(goal.until_s)
                self.time.setTime(QTime(until.hour, until.minute))
                self.reserve.setValue(round(100 * goal.reserve))
        text = ""
        if goal is not None:
            left_s = goal.until_s - now_s
            text = tr("in {time}", time=words.span(left_s)) if left_s > 0 else tr("is over")
        if text != self.left.text():
            self.left.setText(text)

    def proposal(self, now_s: float) -> Goal:
        """A goal for someone who has none yet: six hours from now, at a half hour, with a tenth left."""
        at = _local(now_s) + _AHEAD
        rounded = at.replace(minute=30 if at.minute < 30 else 0, second=0, microsecond=0)
        if at.minute >= 30:
            rounded += timedelta(hours=1)
        return Goal(rounded.timestamp(), 0.10)

    def retranslate(self) -> None:
        self._until.setText(tr("until"))
        self._keep.setText(tr("keep"))
        describe(self.time, tr("Until"), tr("The time of day, on the phone's clock, that the battery must reach"))
        describe(self.reserve, tr("Reserve"), tr("How much of the battery must be left then"))

    def _choose(self) -> None:
        now = _local(self._now_s)
        time = self.time.time()
        until = now.replace(hour=time.hour(), minute=time.minute(), second=0, microsecond=0)
        if until <= now:
            until += timedelta(days=1)
        goal = Goal(until.timestamp(), self.reserve.value() / 100.0)
        self._goal = goal
        self.chosen.emit(goal)


def _sane(unix_s: float) -> bool:
    return isfinite(unix_s) and 0.0 <= unix_s < 1e11


def _local(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s if _sane(unix_s) else 0.0)
