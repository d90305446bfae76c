"""Which model answers, in which state, and the menu to choose another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy

from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import pixmap
from autoglm_desktop.ui.style import Theme

from .elided import ElidedLabel
from .parts import Panel, describe, label

_SIDE_PX, _GAP_PX = 12, 8


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the menu."""

    id: str
    name: str
    installed: bool
    sees: bool = False
    """Whether it takes images themselves; others are told what was read in them."""


def state_words(status: EngineStatus) -> str:
    """The engine's state in words: ``ready``, ``loading 42 %``."""
    if status.error is not None and status.state is EngineState.STOPPED:
        return tr("failed")
    if status.state is EngineState.LOADING and status.load_fraction is not None:
        return tr("loading {percent} %", percent=round(status.load_fraction * 100))
    return {
        EngineState.STOPPED: tr("not loaded"),
        EngineState.STARTING: tr("starting"),
        EngineState.LOADING: tr("loading"),
        EngineState.READY: tr("ready"),
        EngineState.BUSY: tr("answering"),
    }[status.state]


def state_color(status: EngineStatus, theme: Theme) -> str:
    """The dot beside the words; never the only sign."""
    if status.error is not None and status.state is EngineState.STOPPED:
        return theme.hot
    return {
        EngineState.STOPPED: theme.faint,
        EngineState.STARTING: theme.int4,
        EngineState.LOADING: theme.int4,
        EngineState.READY: theme.int8,
        EngineState.BUSY: theme.accent,
    }[status.state]


class _Chip(QPushButton):
    """A button as wide as what is laid out inside it."""

    def sizeHint(self) -> QSize:
        inside = self.layout()
        return inside.totalSizeHint() if inside is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        inside = self.layout()
        return inside.totalMinimumSize() if inside is not None else super().minimumSizeHint()


class ModelChip(Panel):
    """The model and its state, with a menu to choose, load, unload and manage."""

    model_chosen = Signal(str)
    load_requested = Signal()
    unload_requested = Signal()
    manage_requested = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.button = _Chip()
        self.button.setObjectName("modelChip")
        self.button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._dot, self._name, self._state, self._caret = QLabel(), ElidedLabel(), label("muted"), QLabel()
        self._name.setProperty("role", "heading")
        self._note = ""
        self._status = EngineStatus(EngineState.STOPPED)
        self._models: tuple[ModelEntry, ...] = ()
        self._current = ""
        inside = QHBoxLayout(self.button)
        inside.setContentsMargins(_SIDE_PX, 0, _SIDE_PX, 0)
        inside.setSpacing(_GAP_PX)
        for part in (self._dot, self._name, self._state, self._caret):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            inside.addWidget(part)
        outside = QHBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(self.button)
        self.button.clicked.connect(lambda: self.menu().popup(self.mapToGlobal(QPoint(0, self.height() + 4))))
        self.settle()

    def show_models(self, models: Sequence[ModelEntry], current: str) -> None:
        """The models of the menu, and the id of the chosen one."""
        self._models, self._current = tuple(models), current
        self.retranslate()

    def show_status(self, status: EngineStatus) -> None:
        """What the engine does now."""
        self._status = status
        self.retranslate()
        self.set_theme(self.look.theme)

    def needs_px(self, *, state: bool) -> int:
        """The width that shows the whole name, with the state in words beside it or without."""
        parts: list[QLabel] = [self._dot, self._name, self._caret, *([self._state] if state else [])]
        return 2 * _SIDE_PX + _GAP_PX * (len(parts) - 1) + sum(part.sizeHint().width() for part in parts)

    def show_state(self, shown: bool) -> None:
        """Whether the state stands there in words; the dot, the tooltip and the accessible name tell it besides."""
        self._state.setVisible(shown)
        self.button.updateGeometry()

    def show_note(self, note: str) -> None:
        """What the tooltip says besides, because nothing else has room for it."""
        if note != self._note:
            self._note = note
            self.retranslate()

    def retranslate(self) -> None:
        name = next((model.name for model in self._models if model.id == self._current), self._current)
        state = tr("local · {state}", state=state_words(self._status))
        self._name.setText(short_name(name))
        self._state.setText(state)
        self.button.updateGeometry()
        describe(self.button, tr("Model {name}, {state}", name=name, state=state), self._tip(name))

    def set_theme(self, theme: Theme) -> None:
        self._dot.setPixmap(pixmap("circle-fill", state_color(self._status, theme), 10, self.devicePixelRatioF()))
        self._caret.setPixmap(pixmap("caret-down", theme.muted, 12, self.devicePixelRatioF()))

    def menu(self) -> QMenu:
        """The menu as it is now; it deletes itself when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        group = QActionGroup(menu)
        for model in self._models:
            self._add_model(menu, group, model)
        menu.addSeparator()
        loaded = self._status.state not in (EngineState.STOPPED,)
        menu.addAction(tr("Load now"), self.load_requested.emit).setEnabled(not loaded)
        menu.addAction(tr("Unload (give the memory back)"), self.unload_requested.emit).setEnabled(loaded)
        menu.addSeparator()
        menu.addAction(tr("Manage models…"), self.manage_requested.emit)
        return menu

    def _add_model(self, menu: QMenu, group: QActionGroup, model: ModelEntry) -> None:
        name = model.name if model.installed else tr("{name} (not downloaded)", name=model.name)
        action = menu.addAction(name)
        action.setCheckable(True)
        action.setChecked(model.id == self._current)
        action.setEnabled(model.installed)
        action.triggered.connect(lambda: self.model_chosen.emit(model.id))
        group.addAction(action)

    def _tip(self, name: str) -> str:
        if self._status.error is not None:
            return self._status.error.line()
        sees = any(model.sees for model in self._models if model.id == self._current)
        images = (
            tr("It sees images.") if sees else tr("Of images it is told the text and the labels that are read in them.")
        )
        lines = (tr("{name}: choose, load, unload or manage models", name=name), images, self._note)
        return "\n".join(filter(None, lines))


def short_name(name: str) -> str:
    """A model's name without the word that every chat model carries."""
    return name.removesuffix("-Instruct").removesuffix("-instruct").removesuffix(" Instruct").strip()
