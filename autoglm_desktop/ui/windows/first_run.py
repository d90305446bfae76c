"""The first page on a fresh machine: which model, how large, under which licence, from where; then the download."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.models.library import ModelInfo, ModelLibrary
from autoglm_desktop.ui import figures
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.brand import brand_pixmap
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import Panel, card, describe, label
from autoglm_desktop.ui.widgets.pull_progress import PullView

_WIDTH_PX = 620


class FirstRunPage(Panel):
    """Offers the text models whose size and licence are known; `ready` carries the id of the model to go on with."""

    ready = Signal(str)
    manage_requested = Signal()

    def __init__(self, look: Appearance, library: ModelLibrary, data_dir: Path) -> None:
        super().__init__(look)
        self.setObjectName("page")
        self._library, self._data_dir = library, data_dir
        self._mark, self._title, self._intro = QLabel(), label("title"), label("muted", wrap=True)
        self._where = label("secondary", wrap=True)
        self._group = QButtonGroup(self)
        self.choices: list[ModelChoice] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(10)
        self.pull = PullView(look, library)
        self.go_button, self.local_button = QPushButton(), QPushButton()
        self.go_button.setProperty("role", "primary")
        self.local_button.setProperty("role", "link")
        self._resumable = False
        self._lay_out()
        self.go_button.clicked.connect(self._go)
        self.local_button.clicked.connect(self.manage_requested)
        self.pull.finished.connect(self._pulled)
        self.pull.stopped.connect(self._stopped)
        self.settle()

    def show_models(self, models: Sequence[ModelInfo], preferred: str) -> None:
        """Offer these; `preferred` is chosen to begin with."""
        for choice in self.choices:
            self._list.removeWidget(choice)
            choice.deleteLater()
        offered = [
            model for model in models if "text" in model.modalities and (model.installed or model.download_bytes)
        ]
        self.choices = [ModelChoice(self.look, model) for model in offered]
        for choice in self.choices:
            self._group.addButton(choice.radio)
            self._list.addWidget(choice)
            choice.radio.setChecked(choice.model.id == preferred)
            choice.radio.toggled.connect(self.retranslate)
        if self.choices and self.chosen is None:
            self.choices[0].radio.setChecked(True)
        self.retranslate()

    @property
    def chosen(self) -> ModelInfo | None:
        """The model that is marked."""
        return next((choice.model for choice in self.choices if choice.radio.isChecked()), None)

    def retranslate(self) -> None:
        self._title.setText(tr("One download, then it runs here"))
        self._intro.setText(
            tr("The assistant needs a model. It is fetched once and verified; later no network is needed.")
        )
        self._where.setText(tr("It will be stored in {folder}.", folder=str(self._data_dir / "models")))
        chosen = self.chosen
        if chosen is not None and chosen.installed:
            words = tr("Start with {name}", name=chosen.display_name)
        elif self._resumable:
            words = tr("Go on with the download")
        else:
            words = _download_words(chosen)
        self.go_button.setText(words)
        self.go_button.setEnabled(chosen is not None)
        self.go_button.setVisible(not self.pull.running)
        describe(self.go_button, words)
        self.local_button.setText(tr("Other models, or one on this machine…"))
        describe(
            self.local_button,
            tr("Other models, or one on this machine"),
            tr("All models of the catalogue, a folder in the Hugging Face layout, or a .gguf file"),
        )

    def set_theme(self, theme: Theme) -> None:
        self._mark.setPixmap(brand_pixmap(theme, 44, self.devicePixelRatioF()))

    def _go(self) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        if chosen.installed:
            self.ready.emit(chosen.id)
            return
        self.pull.start(chosen.id)
        self._lock(locked=True)

    def _pulled(self, model_id: str) -> None:
        self._resumable = False
        self._lock(locked=False)
        self.ready.emit(model_id)

    def _stopped(self) -> None:
        self._resumable = True
        self._lock(locked=False)

    def _lock(self, *, locked: bool) -> None:
        for choice in self.choices:
            choice.radio.setEnabled(not locked)
        self.retranslate()

    def _lay_out(self) -> None:
        body = QWidget()
        body.setObjectName("page")
        column = QVBoxLayout(body)
        column.setContentsMargins(32, 40, 32, 32)
        column.setSpacing(14)
        column.addStretch()
        column.addWidget(self._mark)
        column.addWidget(self._title)
        column.addWidget(self._intro)
        column.addSpacing(6)
        column.addLayout(self._list)
        column.addWidget(self._where)
        column.addWidget(self.pull)
        row = QHBoxLayout()
        row.addWidget(self.go_button)
        row.addWidget(self.local_button)
        row.addStretch()
        column.addLayout(row)
        column.addStretch()
        body.setMaximumWidth(_WIDTH_PX)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        scroll.setWidget(body)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(scroll)


class ModelChoice(Panel):
    """A model of the first page: name, and what a person wants to know before a download."""

    def __init__(self, look: Appearance, model: ModelInfo) -> None:
        super().__init__(look)
        self.model = model
        self.radio, self._facts, self._sources = QRadioButton(), label("secondary"), label("secondary")
        frame, column = card(4)
        column.addWidget(self.radio)
        column.addWidget(self._facts)
        column.addWidget(self._sources)
        self._facts.setContentsMargins(26, 0, 0, 0)
        self._sources.setContentsMargins(26, 0, 0, 0)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(frame)
        self.settle()

    def retranslate(self) -> None:
        model = self.model
        self.radio.setText(model.display_name)
        facts = " · ".join(
            (
                download_size(model),
                tr("licence {license}", license=model.license or tr("told by the source")),
                language_names(model.languages),
                *((tr("on this machine"),) if model.installed else ()),
            )
        )
        self._facts.setText(facts)
        sources = tr("From: {sources}", sources=tr(", then ").join(model.sources))
        self._sources.setText(sources)
        self._sources.setVisible(bool(model.sources))
        describe(self.radio, f"{model.display_name}, {facts}", sources)


def download_size(model: ModelInfo) -> str:
    """The size of a download; models that only the hub describes tell it when they are fetched."""
    return figures.size(model.download_bytes) if model.download_bytes else tr("size told by the source")


def _download_words(model: ModelInfo | None) -> str:
    if model is None or not model.download_bytes:
        return tr("Download")
    return tr("Download {size}", size=figures.size(model.download_bytes))


def language_names(codes: Sequence[str]) -> str:
    """Language codes as words: ``Chinese, English``."""
    names = {"zh": tr("Chinese"), "en": tr("English")}
    return ", ".join(names.get(code, code) for code in codes)
