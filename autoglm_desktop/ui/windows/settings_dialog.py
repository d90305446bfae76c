"""Settings, applied as they are changed. A value that the model of settings refuses is said beside its field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.core.settings import DEFAULT_SYSTEM_PROMPT, Settings
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.model_chip import ModelEntry
from autoglm_desktop.ui.widgets.parts import Scroll, close_button, describe, label
from autoglm_desktop.ui.widgets.wheel import scrolls_past

from .settings_pages.page import SettingsPage

PageKind = TypeVar("PageKind", bound=SettingsPage)
_APPLY_PAUSE_MS = 400
_USUAL = QSize(760, 600)
"""All tabs side by side, at the usual text size."""
_MIB = 1 << 20
_IN_MIB = {"kv_cache_max_bytes"}


class SettingsDialog(QDialog):
    """Edits a copy of the settings; `changed` carries the whole new object after each change."""

    changed = Signal(object)
    folder_requested = Signal(object)
    """A folder to show in the file manager."""

    def __init__(
        self,
        look: Appearance,
        settings: Settings,
        models: Sequence[ModelEntry],
        *,
        data_dir: Path,
        log_path: Path,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.settings = settings
        self._loading = True
        self._words: list[tuple[Callable[[str], None], Text]] = []
        self._rows: dict[str, QWidget] = {}
        self._pages: list[SettingsPage] = []
        self.error = label("error", wrap=True)
        self.error.hide()
        self._pending: dict[str, object] = {}
        self._pause = QTimer(self, singleShot=True, interval=_APPLY_PAUSE_MS)
        self._pause.timeout.connect(self._apply_pending)
        self.tabs = QTabWidget()
        self._appearance_tab()
        self._answers_tab(models)
        self._engine_tab()
        self._data_tab(data_dir, log_path)
        self._lay_out()
        look.language_changed.connect(self.retranslate)
        look.theme_changed.connect(self.set_theme)
        self.retranslate()
        self.set_theme(look.theme)
        self.show_settings(settings)

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(_USUAL)

    def add_page(self, page: SettingsPage) -> None:
        """A tab of its own for what needs more than fields."""
        self._pages.append(page)
        self.tabs.addTab(page, page.title())
        page.changed.connect(self._change)

    def page(self, kind: type[PageKind]) -> PageKind | None:
        """The page of this kind, if it was added."""
        return next((page for page in self._pages if isinstance(page, kind)), None)

    def field(self, name: str) -> QWidget:
        """The control of a setting, by the setting's name."""
        return self._rows[name]

    def show_settings(self, settings: Settings) -> None:
        """Put these values into the controls without telling anyone; what is being edited stays as it is."""
        self._loading = True
        self.settings = settings
        shown = settings.model_copy(update=self._pending)
        for name, widget in self._rows.items():
            value = getattr(shown, name)
            _show_value(widget, value // _MIB if name in _IN_MIB else value)
        for page in self._pages:
            page.show_settings(shown)
        self._loading = False

    def set_theme(self, theme: Theme) -> None:
        """Nothing but the style sheet changes here; the system prompt keeps its height in lines."""
        self._prompt.setFixedHeight(theme.px(14) * 9)

    def retranslate(self) -> None:
        """Every word anew, in the current language."""
        self.setWindowTitle(tr("Settings"))
        for setter, text in self._words:
            setter(str(text))
        for page in self._pages:
            self.tabs.setTabText(self.tabs.indexOf(page), page.title())

    def closeEvent(self, event: Any) -> None:
        self._apply_pending()
        self._close_jobs()
        super().closeEvent(event)

    def reject(self) -> None:
        self._apply_pending()
        self._close_jobs()
        super().reject()

    def _close_jobs(self) -> None:
        for page in self._pages:
            page.close_job()

    def _appearance_tab(self) -> None:
        form = self._tab(msg("Appearance"))
        languages = (("system", msg("As the system")), ("zh_CN", msg("Chinese (简体中文)")), ("en", msg("English")))
        self._row(form, "language", msg("Language"), self._choice(languages))
        themes = (("system", msg("As the system")), ("light", msg("Light")), ("dark", msg("Dark")))
        self._row(form, "theme", msg("Theme"), self._choice(themes))
        scales = [
            (value, msg("{percent} %", percent=round(value * 100))) for value in (0.75, 0.9, 1.0, 1.15, 1.3, 1.5, 2.0)
        ]
        self._row(form, "font_scale", msg("Text size"), self._choice(scales))
        self._row(form, "send_on_enter", msg("Enter sends"), self._check(msg("Off: Ctrl+Enter sends")))

    def _answers_tab(self, models: Sequence[ModelEntry]) -> None:
        form = self._tab(msg("Model and answers"))
        named = [(model.id, msg("{name}", name=model.name)) for model in models if model.installed]
        self._row(form, "model_id", msg("Model"), self._choice(named))
        tiers = [(TierChoice.AUTO, msg("Auto"))]
        tiers += [(choice, msg("{name}", name=choice.value.upper())) for choice in TierChoice if choice.fixed()]
        self._row(form, "tier", msg("Tier"), self._choice(tiers))
        self._prompt = QPlainTextEdit()
        self._prompt.setTabChangesFocus(True)
        self._prompt.textChanged.connect(lambda: self._change("system_prompt", self._prompt.toPlainText()))
        self._row(form, "system_prompt", msg("System prompt"), self._prompt)
        self.reset_prompt = self._button(msg("Restore the default prompt"))
        self.reset_prompt.clicked.connect(lambda: self._prompt.setPlainText(DEFAULT_SYSTEM_PROMPT))
        form.addRow("", self.reset_prompt)
        self._row(form, "temperature", msg("Temperature (0: always the likeliest word)"), self._decimal(0, 2, 0.1))
        self._row(form, "top_p", msg("Top-p"), self._decimal(0.01, 1, 0.05))
        self._row(form, "top_k", msg("Top-k (0: off)"), self._number(0, 1000))
        self._row(form, "min_p", msg("Min-p (0: off)"), self._decimal(0, 1, 0.01))
        self._row(form, "repetition_penalty", msg("Repetition penalty (1: off)"), self._decimal(0.5, 2, 0.01))
        self._row(form, "max_tokens", msg("Longest answer, tokens"), self._number(1, 32_768))
        self._row(form, "think", msg("Think before answering"), self._check(msg("Slower, often better")))
        self._row(form, "thinking_budget_tokens", msg("Longest reasoning, tokens"), self._number(16, 32_768))

    def _engine_tab(self) -> None:
        form = self._tab(msg("Engine"))
        self._row(form, "idle_unload_s", msg("Unload after idle seconds (0: never)"), self._number(0, 86_400))
        asked = msg("Unload images and speech after idle seconds (0: never)")
        self._row(form, "modality_idle_unload_s", asked, self._number(0, 86_400))
        self._row(form, "kv_cache_max_bytes", msg("Memory for KV caches, MiB"), self._number(1, 1 << 20))
        self._row(form, "threads", msg("Threads (0: as many as cores)"), self._number(0, 256))
        note = label("secondary", wrap=True)
        self._words.append((note.setText, msg("Threads and KV memory count from the next start of the engine.")))
        form.addRow("", note)

    def _data_tab(self, data_dir: Path, log_path: Path) -> None:
        form = self._tab(msg("Data"))
        for text, shown, folder in (
            (msg("Data folder"), data_dir, data_dir),
            (msg("Log"), log_path, log_path.parent),
        ):
            place = label("secondary", str(shown), wrap=True)
            place.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            button = self._button(msg("Open folder"))
            button.clicked.connect(lambda _=False, folder=folder: self.folder_requested.emit(folder))
            row = QHBoxLayout()
            row.addWidget(place, 1)
            row.addWidget(button)
            form.addRow(self._label(text), row)

    def _tab(self, title: Text) -> QFormLayout:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(4, 16, 4, 8)
        form.setHorizontalSpacing(24)
        form.setVerticalSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        number = self.tabs.addTab(Scroll(page), "")
        self._words.append((lambda text: self.tabs.setTabText(number, text), title))
        return form

    def _row(self, form: QFormLayout, name: str, text: Text, widget: QWidget) -> None:
        self._rows[name] = widget
        self._words.append((lambda words: describe(widget, words), text))
        form.addRow(self._label(text), widget)
        _connect(widget, lambda value: self._change(name, value))

    def _label(self, text: Text) -> QLabel:
        made = label("body")
        self._words.append((made.setText, text))
        return made

    def _choice(self, options: Sequence[tuple[object, Text]]) -> QComboBox:
        box = QComboBox()
        scrolls_past(box)
        for number, (value, text) in enumerate(options):
            box.addItem("", value)
            self._words.append((lambda words, number=number: box.setItemText(number, words), text))  # type: ignore[misc]
        return box

    def _check(self, text: Text) -> QCheckBox:
        box = QCheckBox()
        self._words.append((box.setText, text))
        return box

    def _number(self, least: int, most: int) -> QSpinBox:
        box = QSpinBox()
        scrolls_past(box)
        box.setRange(least, most)
        box.setGroupSeparatorShown(True)
        return box

    def _decimal(self, least: float, most: float, step: float) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        scrolls_past(box)
        box.setRange(least, most)
        box.setSingleStep(step)
        return box

    def _button(self, text: Text) -> QPushButton:
        button = QPushButton()
        self._words.append((button.setText, text))
        self._words.append((button.setAccessibleName, text))
        button.setAutoDefault(False)
        return button

    def _change(self, name: str, value: object) -> None:
        if self._loading:
            return
        self._pending[name] = value * _MIB if name in _IN_MIB and isinstance(value, int) else value
        if name in ("language", "theme", "font_scale"):
            self._apply_pending()
        else:
            self._pause.start()

    def _apply_pending(self) -> None:
        self._pause.stop()
        if not self._pending:
            return
        wanted = self.settings.model_dump() | self._pending
        self._pending.clear()
        try:
            self.settings = Settings.model_validate(wanted)
        except ValidationError as error:
            self.error.setText(_refusal(str(error.errors()[0]["loc"][0])))
            self.error.show()
            return
        self.error.hide()
        self.changed.emit(self.settings)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.error)
        column.addWidget(close_button(self))


def _refusal(name: str) -> str:
    if name == "system_prompt":
        return tr("The system prompt is not saved: it may have at most {count} characters.", count="20,000")
    return tr("The value of “{name}” cannot be used and is not saved.", name=name)


def _connect(widget: QWidget, changed: Callable[[Any], None]) -> None:
    if isinstance(widget, QComboBox):
        widget.activated.connect(lambda _: changed(widget.currentData()))
    elif isinstance(widget, QCheckBox):
        widget.toggled.connect(changed)
    elif isinstance(widget, (QSpinBox, QDoubleSpinBox)):
        widget.valueChanged.connect(changed)


def _show_value(widget: QWidget, value: Any) -> None:
    """Show another value than the one that is there; a field that is typed in keeps its text and its cursor."""
    if isinstance(widget, QComboBox):
        widget.setCurrentIndex(widget.findData(value))
    elif isinstance(widget, QCheckBox):
        widget.setChecked(value)
    elif widget.hasFocus():
        return
    elif isinstance(widget, QPlainTextEdit):
        if widget.toPlainText() != value:
            widget.setPlainText(value)
    elif isinstance(widget, (QSpinBox, QDoubleSpinBox)):
        widget.setValue(value)
