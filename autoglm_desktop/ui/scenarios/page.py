"""The page of battery scenarios: choose, play, compare, edit, export."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QHideEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.scenario_desk import (
    DEFAULT_POLICIES,
    MOST_POLICIES,
    Comparison,
    best_of,
    compare,
    sentences,
    verdict_of,
)
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import language, tr
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import load_profile
from autoglm_desktop.energy.quality_figures import load_quality
from autoglm_desktop.energy.scenario import Scenario, clock_text
from autoglm_desktop.energy.scenario_files import load_scenario, scenario_ids
from autoglm_desktop.energy.verdict import paragraph
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.energy import words
from autoglm_desktop.ui.jobs import Job
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import Panel, Scroll, card, describe, label, paint_icon, tool_button

from .follow import Follower, LiveRun
from .player import SPEEDS, Player
from .plot import ComparePlot, Drawn
from .table import FigureTable
from .time_slider import TimeSlider


class ScenarioPage(Panel):
    """Stands in the place of the conversation. `failed` with an `ErrorReport`."""

    failed = Signal(object)
    compared = Signal(object)
    """A `Comparison` that is now shown."""

    def __init__(self, look: Appearance, assistant: Assistant, data_dir: Path) -> None:
        super().__init__(look)
        self.setObjectName("page")
        self._assistant, self._own, self._phones = assistant, data_dir / "scenarios", data_dir / "phones"
        self._data_dir = data_dir
        self.comparison: Comparison | None = None
        self._scenario: Scenario | None = None
        self._job: Job | None = None
        self._follower: Follower | None = None
        self.live: LiveRun | None = None
        self.player = Player(held=lambda: self.live is not None and self.live.answering)
        self.title, self.verdict = label("title"), label("muted", wrap=True)
        self.origin, self.told = label("badge"), label("error", wrap=True)
        self.scenarios, self.phones, self.speed = QComboBox(), QComboBox(), QComboBox()
        self.policies, self.edit, self.export = QToolButton(), QPushButton(), QPushButton()
        self.play, self.clock, self.slider = tool_button(), label("value"), TimeSlider()
        self.real = QCheckBox()
        self.plot, self.table = ComparePlot(look), FigureTable()
        self._actions: dict[Policy, QAction] = {}
        self._lay_out()
        self._fill()
        self._connect()
        self.settle()

    # -- choosing

    def refresh(self) -> None:
        """Read the folder of scenarios again, and compare."""
        chosen = self.scenarios.currentData()
        self._fill()
        self.choose(chosen)

    def choose(self, scenario_id: str | None) -> None:
        """Another scenario."""
        place = max(0, self.scenarios.findData(scenario_id))
        self.scenarios.setCurrentIndex(place)
        self._scenario_chosen()

    def chosen_policies(self) -> tuple[Policy, ...]:
        """In the order of the menu."""
        return tuple(policy for policy, action in self._actions.items() if action.isChecked())

    def close_job(self) -> None:
        """End what runs; the window goes, or another page comes."""
        self.stop()
        if self._job is not None:
            self._job.close()
            self._job = None

    def stop(self) -> None:
        """Stand still, and give the user's phone back."""
        self.player.pause()
        self._end_live()
        if self._follower is not None:
            self._follower.close()

    def compare_now(self) -> None:
        """Run the chosen scenario under the chosen policies, off this thread."""
        if self._job is not None:
            self._job.close()
        scenario, policies = self._scenario, self.chosen_policies()
        if scenario is None:
            return
        phone_id, phones, data_dir = self.phones.currentData(), self._phones, self._data_dir
        model_id = self._assistant.settings.model_id
        self._job = Job(
            lambda _, cancelled: compare(
                scenario, load_profile(phone_id, phones), policies, load_quality(data_dir, model_id), cancelled
            ),
            name="scenario",
            parent=self,
        )
        self._job.succeeded.connect(self._show)
        self._job.failed.connect(self._tell)
        self._job.start()

    def _scenario_chosen(self) -> None:
        self.told.hide()
        try:
            self._scenario = load_scenario(self.scenarios.currentData(), self._own)
        except AppError as error:
            self._scenario = None
            self._tell(error.report)
            return
        place = self.phones.findData(self._scenario.phone)
        self.phones.blockSignals(True)
        self.phones.setCurrentIndex(max(0, place))
        self.phones.blockSignals(False)
        self.compare_now()

    def _show(self, comparison: object) -> None:
        if not isinstance(comparison, Comparison) or not comparison.results:
            return
        self.stop()
        self.comparison = comparison
        scenario = comparison.scenario
        goal_s = None if scenario.goal is None else scenario.goal.until - scenario.start.time
        names = tuple(words.policy(Policy(result.policy)) for result in comparison.results)
        self.plot.show_runs(Drawn(comparison.results, names, scenario.start.time, scenario.duration_s, goal_s))
        self.table.show_comparison(comparison)
        self._show_verdict()
        best = best_of(comparison)
        self._follower = Follower(self._assistant.energy, comparison, best) if best is not None else None
        self.slider.setRange(0, round(scenario.duration_s))
        self.player.set_duration(scenario.duration_s)
        self.compared.emit(comparison)

    def _show_verdict(self) -> None:
        verdict = verdict_of(self.comparison) if self.comparison is not None else None
        told = "" if verdict is None else paragraph(sentences(verdict, _policy_name, words.span))
        self.verdict.setText(told)
        describe(self.verdict, told)

    def _tell(self, report: object) -> None:
        if isinstance(report, ErrorReport) and report.code is not ErrorCode.CANCELLED:
            self.told.setText(f"{report.cause} {report.next_step}")
            self.told.show()
            self.failed.emit(report)

    # -- playing

    def toggle_play(self) -> None:
        """Play or pause."""
        if self.player.playing:
            self.player.pause()
        else:
            self._begin_live()
            self.player.play()

    def _begin_live(self) -> None:
        if self.real.isChecked() and self.live is None and self.comparison is not None and self._follower is not None:
            self.live = LiveRun(self._assistant, self.comparison.scenario, self._follower, self.player.at_s)

    def _end_live(self) -> None:
        if self.live is not None:
            self.live.close()
            self.live = None

    def _real_toggled(self, wanted: bool) -> None:
        if not wanted:
            self._end_live()
        elif self.player.playing:
            self._begin_live()

    def _moved(self, at_s: float) -> None:
        scenario = self._scenario
        if scenario is None:
            return
        self.clock.setText(clock_text(scenario.start.time + at_s))
        self.plot.show_time(at_s)
        if not self.slider.isSliderDown():
            self.slider.blockSignals(True)
            self.slider.setValue(round(at_s))
            self.slider.blockSignals(False)
        if not self.player.playing:
            return
        if self.live is None:
            self._follow(at_s)
        else:
            self.live.move(at_s, self.player.speed)
            if self.live.error is not None:
                self._tell(self.live.error)
                self.player.pause()
                self._end_live()

    def _scrubbed(self, at_s: float) -> None:
        if self.live is not None:
            self.live.skip_to(at_s)
        self.player.jump(at_s)
        if self.live is None:
            self._follow(at_s)

    def _follow(self, at_s: float) -> None:
        if self._follower is not None:
            self._follower.move(at_s)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():  # another page, not a window that is minimised
            self.stop()

    # -- files

    def export_to(self, folder: Path) -> None:
        """Write the report of what is shown; a failure is shown."""
        from autoglm_desktop.energy.report import write_report

        if self.comparison is None:
            return
        try:
            write_report(folder, self.comparison.scenario, self.comparison.profile, self.comparison.results)
        except AppError as error:
            self._tell(error.report)

    def _export(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Folder for the report"))
        if chosen:
            self.export_to(Path(chosen))

    def _edit(self) -> None:
        from .editor import ScenarioEditor

        if self._scenario is None:
            return
        editor = ScenarioEditor(self.look, self._scenario, self.scenarios.currentData(), self._own, self)
        editor.saved.connect(self._saved)
        editor.open()

    def _saved(self, scenario_id: str) -> None:
        self._fill()
        self.choose(scenario_id)

    # -- look

    def retranslate(self) -> None:
        self.title.setText(tr("Battery scenarios"))
        self.edit.setText(tr("Edit…"))
        self.export.setText(tr("Export report…"))
        self.real.setText(tr("The real engine answers"))
        self.origin.setText(tr("simulated"))
        self._show_policies()
        for widget, name, tip in (
            (self.scenarios, tr("Scenario"), None),
            (self.phones, tr("Phone"), None),
            (self.policies, tr("Policies to compare"), tr("Up to four policies")),
            (self.edit, tr("Edit…"), tr("Change this scenario and save it under a name of its own")),
            (self.export, tr("Export report…"), tr("One HTML file with the plots, and every series as CSV and JSON")),
            (self.slider, tr("Time of the scenario"), None),
            (self.speed, tr("Speed"), None),
            (self.real, self.real.text(), tr("Ask the loaded model the scenario's questions while its clock runs")),
        ):
            describe(widget, name, tip)
        for policy, action in self._actions.items():
            action.setText(words.policy(policy))
        self._fill_names()
        self._show_play()
        self.table.retranslate(self.comparison)
        self._show_verdict()

    def set_theme(self, theme: Theme) -> None:
        self._show_play()

    def _show_play(self, *_: object) -> None:
        playing = self.player.playing
        paint_icon(self.play, "pause-fill" if playing else "play-fill", self.look.theme, self.look.theme.accent)
        describe(self.play, tr("Pause") if playing else tr("Play"))

    def _show_policies(self) -> None:
        chosen = self.chosen_policies()
        self.policies.setText(", ".join(words.policy(policy) for policy in chosen))
        for policy, action in self._actions.items():
            action.setEnabled(policy in chosen or len(chosen) < MOST_POLICIES)

    def _policies_changed(self) -> None:
        self._show_policies()
        if self.chosen_policies():
            self.compare_now()

    def _fill(self) -> None:
        for box, items in ((self.scenarios, scenario_ids(self._own)), (self.phones, self._assistant.energy.phones())):
            box.blockSignals(True)
            box.clear()
            for item in items:
                box.addItem(item, item)
            box.blockSignals(False)
        self._fill_names()

    def _fill_names(self) -> None:
        for place in range(self.phones.count()):
            self.phones.setItemText(place, words.phone(self.phones.itemData(place)))
        for place in range(self.scenarios.count()):
            try:
                name = load_scenario(self.scenarios.itemData(place), self._own).name.of(language())
            except AppError:
                name = tr("{name} (cannot be used)", name=self.scenarios.itemData(place))
            self.scenarios.setItemText(place, name)

    def _lay_out(self) -> None:
        outside, body = QVBoxLayout(self), QWidget()
        outside.setContentsMargins(0, 0, 0, 0)
        scroll = Scroll(body)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)  # plots and tables need their width
        outside.addWidget(scroll)
        column = QVBoxLayout(body)
        column.setContentsMargins(24, 18, 24, 18)
        column.setSpacing(12)
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addStretch()
        top.addWidget(self.edit)
        top.addWidget(self.export)
        column.addLayout(top)
        choosers = QHBoxLayout()
        for box in (self.scenarios, self.phones):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            choosers.addWidget(box)
        choosers.addWidget(self.policies)
        choosers.addStretch()
        column.addLayout(choosers)
        row = QHBoxLayout()
        row.addWidget(self.play)
        row.addWidget(self.clock)
        row.addWidget(self.slider, 1)
        row.addWidget(self.speed)
        row.addWidget(self.real)
        column.addLayout(row)
        column.addWidget(self.told)
        self.told.hide()
        shown: tuple[tuple[QWidget, int], ...] = ((self.plot, 1), (self.table, 0))
        for widget, stretch in shown:
            frame, inside = card()
            inside.addWidget(widget)
            column.addWidget(frame, stretch)
        foot = QHBoxLayout()
        foot.addWidget(self.verdict, 1)
        foot.addWidget(self.origin)
        column.addLayout(foot)
        self.policies.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.policies.setProperty("role", "chooser")
        self.policies.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._make_menu()
        for speed in SPEEDS:
            self.speed.addItem(words.speed(speed), speed)
        self.speed.setCurrentIndex(SPEEDS.index(self.player.speed))

    def _make_menu(self) -> None:
        menu = QMenu(self)
        # Baselines first: the verdict tells the best one against the first other.
        for policy in sorted(Policy, key=lambda policy: not policy.is_fixed):
            action = menu.addAction(policy.value)
            action.setCheckable(True)
            action.setChecked(policy in DEFAULT_POLICIES)
            action.toggled.connect(self._policies_changed)
            self._actions[policy] = action
        self.policies.setMenu(menu)

    def _connect(self) -> None:
        self.scenarios.currentIndexChanged.connect(self._scenario_chosen)
        self.phones.currentIndexChanged.connect(self.compare_now)
        self.speed.currentIndexChanged.connect(self._speed_chosen)
        self.play.clicked.connect(self.toggle_play)
        self.player.playing_changed.connect(self._show_play)
        self.player.moved.connect(self._moved)
        self.player.ended.connect(self.stop)
        self.slider.valueChanged.connect(self._scrubbed)
        self.plot.on_scrub = self._scrubbed
        self.real.toggled.connect(self._real_toggled)
        self.edit.clicked.connect(self._edit)
        self.export.clicked.connect(self._export)

    def _speed_chosen(self) -> None:
        self.player.speed = self.speed.currentData()


def _policy_name(policy: str) -> str:
    return words.policy(Policy(policy))
