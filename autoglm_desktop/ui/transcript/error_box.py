"""An error where it happened: cause, next step, what can be done now, details on demand."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.errors import ErrorCode, ErrorReport
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.style import mix

from .blocks import Code, Mark, Para, Span
from .body import Body, Tools
from .buttons import WordButton
from .flow import FlowRow
from .intents import Intents
from .prose import Prose
from .stack import Stack

OTHER_MODEL_HELPS = {
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.ENGINE_DIED,
    ErrorCode.WEIGHTS_CORRUPT,
    ErrorCode.UNSUPPORTED_ARCHITECTURE,
    ErrorCode.MODEL_UNKNOWN,
}
"""Failures that another model may not have."""
_PAD_PX = 14


class ErrorBox(Stack):
    """Shows an `ErrorReport` of an answer; buttons speak through `Intents`."""

    def __init__(
        self,
        tools: Tools,
        report: ErrorReport,
        node_id: str,
        intents: Intents,
        parent: QWidget | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """`alone`: there is no older message that could be left out."""
        super().__init__(parent)
        self._tools, self._report, self._node_id, self._intents = tools, report, node_id, intents
        self._alone = alone
        look = tools.look
        self.text = Prose(look, self)
        cause = Para((Span(str(report.cause), Mark.BOLD),))
        self.text.set_blocks((cause, Para((Span(str(report.next_step)),))))
        self.put(self.text)
        self.details: Body | None = None
        self.details_button = WordButton(look, tr("Details"), self, icon="caret-right", px=13)
        self.details_button.setCheckable(True)
        self.details_button.toggled.connect(self._toggle_details)
        row = FlowRow(self, gap=8)
        row.set_items([*self._choices(), *([self.details_button] if report.details else []), *self._log()])
        self.details_button.setVisible(bool(report.details))
        self.put(row, gap=8)

    def arrange(self, width: int) -> int:
        height = super().arrange(width - 2 * _PAD_PX)
        for piece in self.pieces:
            piece.move(piece.x() + _PAD_PX, piece.y() + _PAD_PX - 3)
        return height + 2 * _PAD_PX

    def paintEvent(self, _: QPaintEvent) -> None:
        theme = self._tools.look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(mix(theme.surface, theme.hot, 0.5)))
        painter.setBrush(QColor(mix(theme.surface, theme.hot, 0.07)))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 12, 12)
        painter.end()

    def _choices(self) -> list[QWidget]:
        intents, node_id = self._intents, self._node_id
        if self._report.code is ErrorCode.CONTEXT_FULL:
            if self._alone:
                return []
            fresh = self._choice(tr("New conversation"))
            fresh.clicked.connect(lambda: intents.context_choice.emit(node_id, "new"))
            drop = self._choice(tr("Leave out the oldest messages"))
            drop.clicked.connect(lambda: intents.context_choice.emit(node_id, "drop_oldest"))
            return [fresh, drop]
        retry = self._choice(tr("Retry"))
        retry.clicked.connect(lambda: intents.retry_requested.emit(node_id))
        return [retry] if self._tools.kiosk else [*self._smaller(), retry]

    def _smaller(self) -> list[QWidget]:
        """Ways to what needs less: a smaller tier, another model."""
        intents, node_id, tier = self._intents, self._node_id, self._report.suggested_tier
        out: list[QWidget] = []
        if tier is not None:
            smaller = self._choice(tr("Use {tier}", tier=tier.upper()))
            smaller.clicked.connect(lambda: intents.tier_suggested.emit(node_id, tier))
            out.append(smaller)
        if self._report.code in OTHER_MODEL_HELPS:
            other = self._choice(tr("Choose another model"))
            other.clicked.connect(intents.models_requested)
            out.append(other)
        return out

    def _log(self) -> list[QWidget]:
        if self._tools.kiosk or self._report.code is ErrorCode.CONTEXT_FULL:
            return []
        button = WordButton(self._tools.look, tr("Open log"), self, px=13)
        button.setToolTip(tr("Open the folder that holds the log"))
        button.clicked.connect(self._intents.log_requested)
        return [button]

    def _choice(self, text: str) -> WordButton:
        look = self._tools.look
        button = WordButton(look, text, self, outlined=True, color=look.theme.text, px=13)
        button.setToolTip(text)
        return button

    def _toggle_details(self, shown: bool) -> None:
        if self.details is None:
            self.details = Body(self._tools, self)
            self.details.show_blocks((Code(self._report.details),), growing=False)
            self.put(self.details, gap=8)
        self.details.setVisible(shown)
        self.details_button.set_icon("caret-down" if shown else "caret-right")
        self.reshaped.emit()
