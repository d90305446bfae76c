"""Which precision tier was asked for, and which one it is now."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QPushButton

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.precision import Tier, TierChoice
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import icon
from autoglm_desktop.ui.style import Theme

from .parts import Panel, describe


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
        self.chooser = QPushButton()
        self.chooser.setVisible(False)
        self.chooser.setCheckable(True)
        self.chooser.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the caret stands behind the word
        self.chooser.clicked.connect(self._open)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.chooser)
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

    def needs_px(self, *, compact: bool) -> int:
        """The width that shows every word."""
        shown = [self.chooser] if compact else self.buttons.values()
        return 2 * self.frameWidth() + sum(button.sizeHint().width() for button in shown)

    def show_compact(self, compact: bool) -> None:
        """One button with a menu in the place of the four."""
        self.chooser.setVisible(compact)
        for button in self.buttons.values():
            button.setVisible(not compact)

    def menu(self) -> QMenu:
        """The four as a menu; it deletes itself when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        group = QActionGroup(menu)
        for choice, button in self.buttons.items():
            action = menu.addAction(button.text())
            action.setToolTip(button.toolTip())
            action.setCheckable(True)
            action.setChecked(choice is self._choice)
            action.triggered.connect(lambda _=False, choice=choice: self.chosen.emit(choice))
            group.addAction(action)
        return menu

    def set_theme(self, theme: Theme) -> None:
        self.chooser.setIcon(icon("caret-down", theme.accent))

    def _open(self) -> None:
        self.chooser.setChecked(True)  # a click has turned it off
        self.menu().popup(self.mapToGlobal(QPoint(0, self.height() + 4)))

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
        current = self.buttons[self._choice]
        self.chooser.setText(current.text())
        self.chooser.setChecked(True)
        describe(self.chooser, tr("Tier {tier}", tier=current.text()), current.toolTip())
