"""The models of this machine and of the catalogue: download, verify, remove, add from disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QMessageBox,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.models.library import ModelInfo, ModelLibrary
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.jobs import Cancelled, Job, Report, Work
from autoglm_desktop.ui.widgets.parts import describe, label
from autoglm_desktop.ui.widgets.pull_progress import PullView

from .first_run import download_size, language_names

_USUAL = QSize(760, 460)


class ModelManager(QDialog):
    """A table and what can be done with the marked line. `changed` after anything on disk did."""

    changed = Signal()
    use_requested = Signal(str)

    def __init__(self, look: Appearance, library: ModelLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._models: tuple[ModelInfo, ...] = ()
        self._offer: Job | None = None
        self._done_words: Callable[[object], str] = str
        self.question: QMessageBox | None = None
        self.table = QTableWidget(0, 5)
        self.pull = PullView(look, library)
        self.told = label("secondary", wrap=True)
        self.buttons = {
            name: QPushButton() for name in ("use", "download", "verify", "remove", "add_folder", "add_file", "close")
        }
        self._lay_out()
        self._connect()
        look.language_changed.connect(self.retranslate)
        self.retranslate()

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(_USUAL)

    @property
    def marked(self) -> ModelInfo | None:
        """The model of the marked line."""
        row = self.table.currentRow()
        return self._models[row] if 0 <= row < len(self._models) else None

    def mark(self, model_id: str) -> None:
        """Mark the line of a model."""
        for row, model in enumerate(self._models):
            if model.id == model_id:
                self.table.selectRow(row)

    def refresh(self) -> None:
        """Read the library again; the marked line stays marked."""
        marked = self.marked.id if self.marked else ""
        self._models = tuple(self._library.list())
        self.table.setRowCount(len(self._models))
        for row, model in enumerate(self._models):
            for column, text in enumerate(_cells(model)):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                self.table.setItem(row, column, item)
        self.mark(marked or (self._models[0].id if self._models else ""))
        self._update_buttons()

    def close_jobs(self) -> None:
        """End what runs. Called when the window closes."""
        self.pull.close_job()
        if self._offer is not None:
            self._offer.close()
            self._offer = None

    def retranslate(self) -> None:
        """Every word anew, in the current language."""
        self.setWindowTitle(tr("Models"))
        heads = (tr("Model"), tr("Languages"), tr("Licence"), tr("Download"), tr("On this machine"))
        self.table.setHorizontalHeaderLabels(heads)
        describe(self.table, tr("Models"))
        self.refresh()

    def _update_buttons(self) -> None:
        """What can be done now; a button that cannot be pressed says why."""
        words = {
            "use": (tr("Use"), tr("Chat with the marked model")),
            "download": (tr("Download"), tr("Fetch the marked model and verify it")),
            "verify": (tr("Verify"), tr("Compare every file with its checksum")),
            "remove": (tr("Remove…"), tr("Delete the marked model from this machine")),
            "add_folder": (tr("Add a folder…"), tr("Use a local folder in the Hugging Face layout")),
            "add_file": (tr("Add a .gguf…"), tr("Use a local .gguf file")),
            "close": (tr("Close"), tr("Close")),
        }
        for name, (text, tip) in words.items():
            why_not = self._why_not(name)
            self.buttons[name].setText(text)
            self.buttons[name].setEnabled(not why_not)
            describe(self.buttons[name], text, why_not or tip)

    def _why_not(self, name: str) -> str:
        """Why this cannot be done now; empty when it can."""
        busy = self._offer is not None or self.pull.running
        if busy and name not in ("use", "close"):
            return tr("Wait for what runs below, or cancel it.")
        if name in ("add_folder", "add_file", "close"):
            return ""
        return _why_not_with(self.marked, name)

    def _connect(self) -> None:
        self.table.itemSelectionChanged.connect(self._update_buttons)
        self.pull.finished.connect(self._disk_changed)
        self.pull.done.connect(self._done)
        self.pull.stopped.connect(self._update_buttons)
        for name, action in (
            ("use", self._use),
            ("download", self._download),
            ("verify", self._verify),
            ("remove", self._remove),
            ("add_folder", self._add_folder),
            ("add_file", self._add_file),
            ("close", self.close),
        ):
            self.buttons[name].clicked.connect(lambda _=False, action=action: action())
            self.buttons[name].setAutoDefault(False)

    def _use(self) -> None:
        if self.marked is not None:
            self.use_requested.emit(self.marked.id)
            self.close()

    def _download(self) -> None:
        model = self.marked
        if model is None:
            return
        self.told.clear()
        if (model.download_bytes and model.license) or not model.runnable:  # the pull refuses what cannot run
            self._pull(model.id)
            return
        self.told.setText(tr("Asking the source about {name}…", name=model.display_name))
        identity = model.id
        self._offer = Job(lambda _, stop: self._library.offer(identity, stop), name="model-offer", parent=self)
        self._offer.succeeded.connect(self._offered)
        self._offer.failed.connect(self._not_offered)
        self._offer.start()
        self._update_buttons()

    def _pull(self, model_id: str) -> None:
        self.pull.start(model_id)
        self._update_buttons()

    def _offered(self, offer: ModelInfo) -> None:
        """Size and licence that only the source knew: the download begins after a yes."""
        self._end_offer()
        self.told.clear()
        self._update_buttons()
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(tr("Download {name}?", name=offer.display_name))
        box.setInformativeText(
            tr(
                "{size}, licence {license}, from {sources}.",
                size=download_size(offer),
                license=offer.license or tr("told by the source"),
                sources=", ".join(offer.sources),
            )
        )
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        box.button(QMessageBox.StandardButton.Yes).clicked.connect(lambda: self._pull(offer.id))
        box.finished.connect(self._asked)
        self.question = box
        box.open()

    def _asked(self) -> None:
        self.question = None

    def _verify(self) -> None:
        model = self.marked
        if model is None:
            return
        name, identity = model.display_name, model.id

        def work(report: Report, cancelled: Cancelled) -> None:
            self._library.verify(identity, on_progress=report, cancelled=cancelled)

        self._run(work, msg("Verifying {name}…", name=name), lambda _: tr("{name} is intact.", name=name))

    def _remove(self) -> None:
        model = self.marked
        if model is None:
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(tr("Remove {name} from this machine?", name=model.display_name))
        box.setInformativeText(tr("{size} are freed. Conversations stay.", size=figures.size(model.disk_bytes)))
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        box.button(QMessageBox.StandardButton.Yes).clicked.connect(lambda: self._remove_now(model))
        box.open()

    def _remove_now(self, model: ModelInfo) -> None:
        self._run(
            lambda _, cancelled: self._library.remove(model.id, cancelled=cancelled),
            msg("Removing {name}…", name=model.display_name),
            lambda freed: tr("{size} freed.", size=figures.size(int(str(freed)))),
        )

    def _add_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("A folder in the Hugging Face layout"))
        if chosen:
            self.add_path(Path(chosen))

    def _add_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, tr("A .gguf file"), "", "GGUF (*.gguf)")
        if chosen:
            self.add_path(Path(chosen))

    def add_path(self, path: Path) -> None:
        """Add a model from disk; converting a .gguf takes a while."""

        def work(report: Report, cancelled: Cancelled) -> object:
            return self._library.add(path, on_progress=report, cancelled=cancelled)

        self._run(work, msg("Adding {name}…", name=path.name), lambda _: tr("{name} was added.", name=path.name))

    def _run(self, work: Work, beginning: Text, done: Callable[[object], str]) -> None:
        """Off the GUI thread, with progress and a way to stop; `done` says what came of it."""
        self.told.clear()
        self._done_words = done
        self.pull.run("model-manager", work, beginning)
        self._update_buttons()

    def _done(self, result: object) -> None:
        self.told.setText(self._done_words(result))
        self._disk_changed()

    def _not_offered(self, report: ErrorReport) -> None:
        self._end_offer()
        self.told.setText("" if report.code is ErrorCode.CANCELLED else report.line())
        self._update_buttons()

    def _end_offer(self) -> None:
        if self._offer is not None:
            self._offer.close()
            self._offer.deleteLater()
            self._offer = None

    def _disk_changed(self, *_: object) -> None:
        self.refresh()
        self.changed.emit()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(34)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        column.addWidget(self.table, 1)
        column.addWidget(self.pull)
        column.addWidget(self.told)
        row = QHBoxLayout()
        for name in ("use", "download", "verify", "remove", "add_folder", "add_file"):
            row.addWidget(self.buttons[name])
        row.addStretch()
        row.addWidget(self.buttons["close"])
        column.addLayout(row)


def _why_not_with(model: ModelInfo | None, name: str) -> str:
    if model is None:
        return tr("Mark a model first.")
    if name == "download":
        return tr("It is on this machine already.") if model.installed else ""
    if not model.installed:
        return tr("It is not on this machine.")
    chats = name != "use" or "text" in model.modalities
    return "" if chats else tr("It writes down speech and cannot chat.")


def _cells(model: ModelInfo) -> tuple[str, ...]:
    here = figures.size(model.disk_bytes) if model.installed else tr("no")
    return model.display_name, language_names(model.languages), model.license or "", download_size(model), here
