"""What the pages share: a form whose words follow the language, and one job at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.core.errors import ErrorReport
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.jobs import Cancelled, Job
from autoglm_desktop.ui.widgets.parts import Panel, Scroll, describe, label
from autoglm_desktop.ui.widgets.wheel import scrolls_past


class SettingsPage(Panel):
    """A page of the settings. `changed` carries the name of a setting and its new value."""

    changed = Signal(str, object)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._loading = False
        self._words: list[tuple[Callable[[str], None], Text]] = []
        self._jobs: list[Job] = []
        body = QWidget()
        self.form = QFormLayout(body)
        self.form.setContentsMargins(4, 16, 4, 8)
        self.form.setHorizontalSpacing(24)
        self.form.setVerticalSpacing(10)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(Scroll(body))

    def title(self) -> str:
        """The name of the tab, in the current language."""
        raise NotImplementedError

    def show_settings(self, settings: Settings) -> None:
        """Put these values into the controls without telling anyone."""
        raise NotImplementedError

    def close_job(self) -> None:
        """End what runs and drop what waits, telling nobody."""
        for job in self._jobs:
            job.close()
            job.deleteLater()
        self._jobs = []

    def retranslate(self) -> None:
        for setter, text in self._words:
            setter(str(text))

    # -- for the pages

    def say(self, name: str, value: object) -> None:
        """Tell of a change that a person made."""
        if not self._loading:
            self.changed.emit(name, value)

    def run(
        self,
        name: str,
        work: Callable[[Cancelled], object],
        done: Callable[[Any], None],
        failed: Callable[[ErrorReport], None],
    ) -> None:
        """Work off the GUI thread, after what was asked for before."""
        job = Job(lambda _, cancelled: work(cancelled), name=name, parent=self)
        job.succeeded.connect(lambda result: self._over(done, result))
        job.failed.connect(lambda report: self._over(failed, report))
        self._jobs.append(job)
        if len(self._jobs) == 1:
            job.start()

    def _over(self, then: Callable[[Any], None], result: object) -> None:
        ended = self._jobs.pop(0)
        ended.close()
        ended.deleteLater()
        if self._jobs:
            self._jobs[0].start()
        then(result)

    def row(self, text: Text, *widgets: QWidget) -> None:
        """A line of the form: its name, and the controls, the first of which gets the name for screen readers."""
        name = label("body")
        self._words.append((name.setText, text))
        self._words.append((lambda words: describe(widgets[0], words), text))
        if len(widgets) == 1:
            self.form.addRow(name, widgets[0])
            return
        line = QHBoxLayout()
        line.setSpacing(8)
        for number, widget in enumerate(widgets):
            line.addWidget(widget, 1 if number == 0 else 0)
        self.form.addRow(name, line)

    def wide(self, widget: QWidget) -> None:
        """A line without a name. A button keeps its own width."""
        if not isinstance(widget, QPushButton):
            self.form.addRow("", widget)
            return
        line = QHBoxLayout()
        line.addWidget(widget)
        line.addStretch()
        self.form.addRow("", line)

    def note(self, text: Text) -> QLabel:
        """Quiet words under a control."""
        made = label("secondary", wrap=True)
        self._words.append((made.setText, text))
        self.wide(made)
        return made

    def told(self, role: str = "secondary") -> QLabel:
        """A line that is empty, and hidden, until there is something to tell."""
        made = label(role, wrap=True)
        made.hide()
        self.wide(made)
        return made

    def button(self, text: Text, clicked: Callable[[], object]) -> QPushButton:
        made = QPushButton()
        made.setAutoDefault(False)
        made.clicked.connect(lambda _: clicked())
        self._words.append((made.setText, text))
        self._words.append((lambda words: describe(made, words), text))
        return made

    def check(self, text: Text, name: str) -> QCheckBox:
        """A box for a setting."""
        made = QCheckBox()
        made.toggled.connect(lambda on: self.say(name, on))
        self._words.append((made.setText, text))
        return made

    def choice(self, options: Sequence[tuple[object, Text]], name: str) -> QComboBox:
        """A list for a setting."""
        made = QComboBox()
        scrolls_past(made)
        for number, (value, text) in enumerate(options):
            made.addItem("", value)
            self._words.append((lambda words, number=number: made.setItemText(number, words), text))  # type: ignore[misc]
        made.activated.connect(lambda _: self.say(name, made.currentData()))
        return made

    def line(self, name: str | None = None, *, secret: bool = False) -> QLineEdit:
        """A line of text, for a setting or for a secret that is none."""
        made = QLineEdit()
        if secret:
            made.setEchoMode(QLineEdit.EchoMode.Password)
        if name is not None:
            made.textEdited.connect(lambda text: self.say(name, text))
        return made


def tell(words: QLabel, text: str) -> None:
    """Show a line, or hide it when there is nothing to say."""
    words.setText(text)
    words.setVisible(bool(text))
