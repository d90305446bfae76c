"""How full the model's context is."""

from __future__ import annotations

from enum import Enum

from PySide6.QtWidgets import QHBoxLayout, QProgressBar

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.figures import count

from .parts import Panel, describe, label

_BAR_PX, _GAP_PX = 90, 8


class Detail(Enum):
    """How much of it is shown."""

    BAR = "bar"
    FIGURES = "figures"
    NONE = "none"


class ContextMeter(Panel):
    """How much of the model's context the conversation fills: figures and a thin bar."""

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._used, self._total, self._detail = 0, 0, Detail.BAR
        self.text, self._bar = label("secondary"), QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(_BAR_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_GAP_PX)
        row.addWidget(self.text)
        row.addWidget(self._bar)
        self.settle()

    def show_usage(self, used_tokens: int, context_tokens: int) -> None:
        """Tokens of the last prompt and answer, and the model's context; zeros while nothing is known."""
        self._used, self._total = used_tokens, context_tokens
        self.retranslate()

    @property
    def words(self) -> str:
        """``Context 368 / 32,768``; empty while nothing is known."""
        if self._total <= 0:
            return ""
        return tr("Context {used} / {total}", used=count(self._used), total=count(self._total))

    def needs_px(self, detail: Detail) -> int:
        """The width that it takes with so much detail."""
        if detail is Detail.NONE or self._total <= 0:
            return 0
        return self.text.sizeHint().width() + (_GAP_PX + _BAR_PX if detail is Detail.BAR else 0)

    def show_detail(self, detail: Detail) -> None:
        """Figures and bar, figures alone, or nothing."""
        self._detail = detail
        self.retranslate()

    def retranslate(self) -> None:
        self.setVisible(self._total > 0 and self._detail is not Detail.NONE)
        self._bar.setVisible(self._detail is Detail.BAR)
        self._bar.setRange(0, max(1, self._total))
        self._bar.setValue(min(self._used, self._total))  # a refused prompt may be longer than the context
        self.text.setText(self.words)
        describe(
            self, self.words, tr("Tokens of this conversation after the last answer, of those that the model can hold")
        )
