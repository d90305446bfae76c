"""What the watts go to: names, colours and textures of the plot's areas."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import CAPTION_PX, Theme, mix, readable
from autoglm_desktop.ui.widgets.parts import Panel

from .hatch import texture

_STYLES = Qt.BrushStyle
TEXTURES = {
    "idle": _STYLES.NoBrush,
    "screen": _STYLES.Dense6Pattern,
    "radio": _STYLES.CrossPattern,
    "loading": _STYLES.HorPattern,
    "speech": _STYLES.DiagCrossPattern,
    "vision": _STYLES.FDiagPattern,
    "prefill": _STYLES.BDiagPattern,
    "decode": _STYLES.NoBrush,
}
_SWATCH_PX, _GAP_PX = 9, 4


def component_color(name: str, theme: Theme) -> str:
    """The fill of a component. Grey is the phone itself, colours are the assistant's work."""
    return {
        "idle": mix(theme.line, theme.muted, 0.35),
        "screen": mix(theme.line, theme.muted, 0.1),
        "radio": mix(theme.hot, theme.raised, 0.25),
        "loading": mix(theme.muted, theme.accent, 0.35),
        "speech": mix(theme.accent, theme.hot, 0.5),
        "vision": theme.int4,
        "prefill": theme.int8,
        "decode": theme.fp16,
    }[name]


def component_name(name: str) -> str:
    """A component in words."""
    return {
        "idle": tr("idle"),
        "screen": tr("screen"),
        "radio": tr("radio"),
        "loading": tr("loading weights"),
        "speech": tr("speech"),
        "vision": tr("vision"),
        "prefill": tr("prefill"),
        "decode": tr("decode"),
    }[name]


_USUAL = ("decode", "prefill", "loading", "screen", "idle")


class Legend(Panel):
    """Swatch and name of each component in the plot, from the top of the stack down; wrapped where it must be.

    It keeps room for those of a usual answer, so that what stands below does not move away under the mouse.
    """

    def __init__(self, look: Appearance) -> None:
        super().__init__(look)
        self._names: tuple[str, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.settle()

    @property
    def names(self) -> tuple[str, ...]:
        """What is shown, from the top of the stack down."""
        return self._names

    def show_names(self, present: tuple[str, ...]) -> None:
        """The components that the plot shows, from bottom to top."""
        names = tuple(reversed(present))
        if names != self._names:
            self._names = names
            self.retranslate()

    def retranslate(self) -> None:
        named = ", ".join(component_name(name) for name in self._names)
        self.setAccessibleName(tr("In the plot, from the top: {names}", names=named) if named else "")
        self.updateGeometry()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(80, self._line_px())

    def heightForWidth(self, width: int) -> int:
        placed = [*self._placed(width, self._names), *self._placed(width, _USUAL)]
        return max(box.bottom() + 1 for _, box in placed)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        theme = self.look.theme
        painter.setFont(self._font())
        for name, box in self._placed(self.width(), self._names):
            color = component_color(name, theme)
            swatch = QRectF(box.left(), box.center().y() - _SWATCH_PX / 2, _SWATCH_PX, _SWATCH_PX)
            painter.fillRect(swatch, QColor(color))
            if TEXTURES[name] is not Qt.BrushStyle.NoBrush:
                painter.fillRect(swatch, texture(color, TEXTURES[name], theme))
            painter.setPen(QColor(readable(theme.muted, theme.raised)))
            painter.drawText(
                box.adjusted(_SWATCH_PX + _GAP_PX, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, component_name(name)
            )
        painter.end()

    def _placed(self, width: int, names: Sequence[str]) -> list[tuple[str, QRect]]:
        metrics, line = QFontMetrics(self._font()), self._line_px()
        placed, x, y = [], 0, 0
        for name in names:
            wide = _SWATCH_PX + _GAP_PX + metrics.horizontalAdvance(component_name(name)) + 2
            if x and x + wide > width:
                x, y = 0, y + line
            placed.append((name, QRect(x, y, wide, line)))
            x += wide + 3 * _GAP_PX
        return placed

    def _line_px(self) -> int:
        return QFontMetrics(self._font()).height() + 2

    def _font(self) -> QFont:
        font = QFont(self.look.font)
        font.setPixelSize(self.look.theme.px(CAPTION_PX))
        return font
