"""Above the conversation: which model in which state, which tier and why, how full the context is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QWidget,
)

from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.figures import count
from autoglm_desktop.ui.icons import pixmap
from autoglm_desktop.ui.style import Theme

from .parts import Panel, describe, label, paint_icon, tool_button


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
        return self.sizeHint()


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
        self._dot, self._name, self._state, self._caret = QLabel(), label("heading"), label("muted"), QLabel()
        self._status = EngineStatus(EngineState.STOPPED)
        self._models: tuple[ModelEntry, ...] = ()
        self._current = ""
        inside = QHBoxLayout(self.button)
        inside.setContentsMargins(13, 0, 12, 0)
        inside.setSpacing(8)
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
        return f"{tr('{name}: choose, load, unload or manage models', name=name)}\n{images}"


class TierChooser(Panel):
    """Auto · INT8 | FP16 | INT8 | INT4: what was asked for, and what Auto made of it."""

    chosen = Signal(object)

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("tiers")
        self._choice, self._auto, self._reason = TierChoice.AUTO, Tier.INT8, ""
        self._misfits: Mapping[Tier, str] = {}
        self._group = QButtonGroup(self)
        self.buttons: dict[TierChoice, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for choice in TierChoice:
            button = self.buttons[choice] = QPushButton()
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, choice=choice: self.chosen.emit(choice))
            self._group.addButton(button)
            row.addWidget(button)
        self.settle()

    def show_choice(
        self, choice: TierChoice, effective: Tier, reason: str, misfits: Mapping[Tier, str] | None = None
    ) -> None:
        """`choice` is the user's; with Auto, `effective` is what it chose and `reason` why.

        `misfits` has words for each tier that the simulated phone could not hold.
        """
        self._choice, self._reason, self._misfits = choice, reason, misfits or {}
        self._auto = effective
        self.buttons[choice].setChecked(True)
        self.retranslate()

    def retranslate(self) -> None:
        auto = self._choice is TierChoice.AUTO
        text = tr("Auto · {tier}", tier=self._auto.label) if auto else tr("Auto")
        self.buttons[TierChoice.AUTO].setText(text)
        tip = tr("The application chooses the tier.")
        describe(self.buttons[TierChoice.AUTO], text, f"{tip} {self._reason}" if auto else tip)
        for tier, words in (
            (Tier.FP16, tr("16-bit weights: the quality tier. Reads the most memory for each token.")),
            (Tier.INT8, tr("8-bit weights: close to FP16 at about half the memory.")),
            (Tier.INT4, tr("4-bit weights: the least memory, usually the fastest, some loss of quality.")),
        ):
            button = self.buttons[TierChoice(tier.value)]
            button.setText(tier.label)
            tip = f"{words}\n{self._misfits[tier]}" if tier in self._misfits else words
            describe(button, tr("Tier {tier}", tier=tier.label), tip)


class ContextMeter(Panel):
    """How much of the model's context the conversation fills: figures and a thin bar."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._used, self._total = 0, 0
        self.text, self._bar = label("secondary"), QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(90)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.text)
        row.addWidget(self._bar)
        self.settle()

    def show_usage(self, used_tokens: int, context_tokens: int) -> None:
        """Tokens of the last prompt and answer, and the model's context; zeros while nothing is known."""
        self._used, self._total = used_tokens, context_tokens
        self.retranslate()

    def retranslate(self) -> None:
        known = self._total > 0
        self.setVisible(known)
        self._bar.setRange(0, max(1, self._total))
        self._bar.setValue(self._used)
        words = tr("Context {used} / {total}", used=count(self._used), total=count(self._total))
        self.text.setText(words)
        describe(self, words, tr("Tokens of this conversation after the last answer, of those that the model can hold"))


class TopBar(Panel):
    """The row above the conversation."""

    sidebar_toggled = Signal()
    dock_toggled = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("topBar")
        self.setFixedHeight(52)
        self.model, self.tiers, self.context = ModelChip(look), TierChooser(look), ContextMeter(look)
        self.sidebar_button, self.dock_button = tool_button(), tool_button()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(10)
        for part in (self.sidebar_button, self.model, self.tiers):
            row.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(QWidget(), 1)
        row.addWidget(self.context)
        row.addWidget(self.dock_button)
        self.sidebar_button.clicked.connect(self.sidebar_toggled)
        self.dock_button.clicked.connect(self.dock_toggled)
        self.settle()

    def retranslate(self) -> None:
        describe(self.sidebar_button, tr("Sidebar"), tr("Show or hide the sidebar (Ctrl+B)"))
        describe(self.dock_button, tr("Energy panel"), tr("Show or hide the energy panel (Ctrl+E)"))

    def set_theme(self, theme: Theme) -> None:
        paint_icon(self.sidebar_button, "list", theme)
        paint_icon(self.dock_button, "lightning", theme)


def short_name(name: str) -> str:
    """A model's name without the word that every chat model carries."""
    return name.removesuffix("-Instruct").removesuffix("-instruct").removesuffix(" Instruct").strip()
