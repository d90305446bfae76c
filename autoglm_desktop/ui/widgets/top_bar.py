"""Above the conversation: which model in which state, which tier and why, how full the context is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import Theme

from .context_meter import ContextMeter, Detail
from .model_chip import ModelChip
from .parts import Panel, describe, paint_icon, tool_button
from .tier_chooser import TierChooser

_SIDE_PX, _GAP_PX = 12, 10
_WAYS = (
    (True, False, Detail.BAR),
    (True, False, Detail.FIGURES),
    (False, False, Detail.FIGURES),
    (False, False, Detail.NONE),
    (True, True, Detail.NONE),
    (False, True, Detail.NONE),
)
"""State in words, tiers as a menu, detail of the context: what is shown where there is less and less room."""


class TopBar(Panel):
    """The row above the conversation. Where it is narrow or the text large, the least needed gives way first."""

    sidebar_toggled = Signal()
    dock_toggled = Signal()

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self.setObjectName("topBar")
        self.setMinimumHeight(52)
        self.model, self.tiers, self.context = ModelChip(look), TierChooser(look), ContextMeter(look)
        self.sidebar_button, self.dock_button = tool_button(), tool_button()
        self._way = _WAYS[0]
        row = QHBoxLayout(self)
        row.setContentsMargins(_SIDE_PX, 0, _SIDE_PX, 0)
        row.setSpacing(_GAP_PX)
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

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:  # a word or the font changed
            self._fit()
        return done

    def _fit(self) -> None:
        way = next((way for way in _WAYS if self._needs_px(*way) <= self.width()), _WAYS[-1])
        state, compact, detail = way
        self.model.show_note(self.context.words if detail is Detail.NONE else "")
        if way == self._way:
            return
        self._way = way
        self.model.show_state(state)
        self.tiers.show_compact(compact)
        self.context.show_detail(detail)

    def _needs_px(self, state: bool, compact: bool, detail: Detail) -> int:
        buttons = (self.sidebar_button, self.dock_button)
        parts = [button.sizeHint().width() for button in buttons]
        parts += [self.model.needs_px(state=state), self.tiers.needs_px(compact=compact)]
        if context := self.context.needs_px(detail):
            parts.append(context)
        return 2 * _SIDE_PX + _GAP_PX * len(parts) + sum(parts)
