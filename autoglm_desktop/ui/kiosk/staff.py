"""The way in for staff: a pad for the PIN, then a small page of figures."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFormLayout, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.assistant.pin import PinGuard
from autoglm_desktop.assistant.visitors import Tally
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.energy import words
from autoglm_desktop.ui.widgets.parts import Panel, describe, label


class PinPad(Panel):
    """Ten large digits, or those of a keyboard. `opened` when the PIN was right, `left` when somebody gives up."""

    opened = Signal()
    left = Signal()

    def __init__(self, look: Appearance, guard: PinGuard) -> None:
        super().__init__(look)
        self._guard, self._typed = guard, ""
        self.dots, self.told = label("kioskBig"), label("kioskLine", wrap=True)
        self.title, self.enter, self.back = label("kioskHeadline"), QPushButton(), QPushButton()
        self.keys = [self._key(str(n)) for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)]
        self.rub = QPushButton("⌫")
        self.rub.setProperty("role", "kioskKey")
        self.rub.clicked.connect(self.rub_out)
        for button, role in ((self.enter, "kioskPrimary"), (self.back, "kioskChip")):
            button.setProperty("role", role)
        self.enter.clicked.connect(self.try_it)
        self.back.clicked.connect(self.left)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tick = QTimer(self, interval=500)
        self._tick.timeout.connect(self._show_wait)
        self._lay_out()
        self.settle()

    def retranslate(self) -> None:
        self.title.setText(tr("Staff"))
        self.enter.setText(tr("Open"))
        self.back.setText(tr("Back"))
        for button in (self.enter, self.back):
            describe(button, button.text())
        describe(self.rub, tr("Take the last digit back"))

    def begin(self) -> None:
        """Ask anew."""
        self._typed = ""
        self.told.setText("")
        self._show()
        self._show_wait()
        self._tick.start()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def end(self) -> None:
        """Forget what was typed."""
        self._tick.stop()
        self._typed = ""
        self._show()

    def press(self, digit: str) -> None:
        """As a touch of that key."""
        self._typed = (self._typed + digit)[:12]
        self._show()

    def rub_out(self) -> None:
        """Take the last digit back."""
        self._typed = self._typed[:-1]
        self._show()

    def try_it(self) -> None:
        """Compare; a wrong PIN is said, and soon costs time."""
        right = self._guard.check(self._typed)
        self._typed = ""
        self._show()
        if right:
            self.end()
            self.opened.emit()
        else:
            self.told.setText(tr("That is not the PIN."))
            self._show_wait()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Digits, Backspace, Enter and Esc, wherever the focus is on the pad."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif not self.enter.isEnabled():
            return
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.try_it()
        elif event.key() == Qt.Key.Key_Backspace:
            self.rub_out()
        elif event.text() and event.text() in "0123456789":
            self.press(event.text())
        else:
            super().keyPressEvent(event)

    def _show(self) -> None:
        self.dots.setText("•" * len(self._typed) or "–")
        describe(self.dots, tr("{count} digits", count=len(self._typed)))

    def _show_wait(self) -> None:
        wait_s = self._guard.wait_s
        for button in (*self.keys, self.rub, self.enter):
            button.setEnabled(wait_s <= 0.0)
        if wait_s > 0.0:
            self.told.setText(tr("Too many tries. The next one counts in {seconds} s.", seconds=int(wait_s) + 1))

    def _key(self, digit: str) -> QPushButton:
        key = QPushButton(digit)
        key.setProperty("role", "kioskKey")
        describe(key, digit)
        key.clicked.connect(lambda: self.press(digit))
        return key

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setSpacing(16)
        column.addStretch()
        column.addWidget(self.title)
        column.addWidget(self.dots)
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setSpacing(12)
        for n, key in enumerate(self.keys):
            row, place = divmod(n, 3) if n < 9 else (3, 1)
            grid.addWidget(key, row, place)
        grid.addWidget(self.rub, 3, 2)
        column.addWidget(holder)
        row_ = QHBoxLayout()
        row_.addWidget(self.back)
        row_.addWidget(self.enter)
        row_.addStretch()
        column.addLayout(row_)
        column.addWidget(self.told)
        column.addStretch()


class StaffPage(Panel):
    """Figures since the start, and three buttons: back, start anew, end the kiosk."""

    left = Signal()
    restart_requested = Signal()
    quit_requested = Signal()

    def __init__(self, look: Appearance, tally: Callable[[], Tally], temperature: Callable[[], str]) -> None:
        super().__init__(look)
        self._tally, self._temperature = tally, temperature
        self.title = label("kioskHeadline")
        self.names = [label("kioskName") for _ in range(6)]
        self.values = [label("kioskValue") for _ in range(6)]
        self.back, self.restart, self.quit = QPushButton(), QPushButton(), QPushButton()
        column = QVBoxLayout(self)
        column.setSpacing(16)
        column.addStretch()
        column.addWidget(self.title)
        form = QFormLayout()
        for name, value in zip(self.names, self.values, strict=True):
            form.addRow(name, value)
        column.addLayout(form)
        row = QHBoxLayout()
        for button, signal in ((self.back, self.left), (self.restart, self.restart_requested)):
            button.setProperty("role", "kioskChip")
            button.clicked.connect(signal)
            row.addWidget(button)
        self.quit.setProperty("role", "kioskChip")
        self.quit.clicked.connect(self.quit_requested)
        row.addWidget(self.quit)
        row.addStretch()
        column.addLayout(row)
        column.addStretch()
        self._tick = QTimer(self, interval=1000)
        self._tick.timeout.connect(self.refresh)
        self.settle()

    def retranslate(self) -> None:
        self.title.setText(tr("Staff"))
        texts = (
            tr("Running for"),
            tr("Visitors"),
            tr("Answers"),
            tr("Failures told to visitors"),
            tr("Failures mended without their notice"),
            tr("Temperature of this computer"),
        )
        for name, text in zip(self.names, texts, strict=True):
            name.setText(text)
        buttons = ((self.back, tr("Back")), (self.restart, tr("Start anew")), (self.quit, tr("End the kiosk")))
        for button, text in buttons:
            button.setText(text)
            describe(button, text)
        self.refresh()

    def begin(self) -> None:
        """Show it and keep it current."""
        self.refresh()
        self._tick.start()

    def end(self) -> None:
        """Stand still."""
        self._tick.stop()

    def refresh(self) -> None:
        """The figures as they are now."""
        tally = self._tally()
        shown = (
            words.span(max(0.0, time.time() - tally.started_s)),
            str(tally.visitors),
            str(tally.turns),
            str(tally.failures),
            str(tally.recovered),
            self._temperature(),
        )
        for value, text, name in zip(self.values, shown, self.names, strict=True):
            _say(value, text)
            describe(value, f"{name.text()}: {text}")


def _say(where: QLabel, text: str) -> None:
    if where.text() != text:
        where.setText(text)
