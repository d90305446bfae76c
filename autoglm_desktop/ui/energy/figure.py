"""A named value that can be focused, read aloud and copied.

It is drawn by hand: a new value costs a repaint of its own rectangle, and a layout only where its height changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy

from autoglm_desktop.core.provenance import Provenance
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.style import FIGURE_PX, SECONDARY_PX, Theme, readable
from autoglm_desktop.ui.widgets.copying import copy_key, open_copy_menu
from autoglm_desktop.ui.widgets.parts import Panel

from . import words
from .badge import badge_face, badge_size, paint_badge
from .face import Face

SMALL_PX = 13
_GAP_PX, _UNIT_GAP_PX, _LINE_GAP_PX, _RING_PX = 6, 4, 1, 3
LEFT, RIGHT = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight


@dataclass(frozen=True, slots=True)
class Shown:
    """What a figure shows. `value` empty: it is absent, and `note` says so in words, `tip` why.

    `color` is one of the theme's, for the note; it only repeats what the note says.
    """

    name: str
    value: str
    unit: str = ""
    note: str = ""
    origin: Provenance | None = None
    tip: str = ""
    color: str | None = None

    @property
    def plain(self) -> str:
        """``58 °C limit 65``, as it is copied."""
        value = f"{self.value} {self.unit}".strip() if self.value else ""
        return " ".join(part for part in (value, self.note) if part)

    @property
    def spoken(self) -> str:
        """Name, value, note and provenance, for screen readers."""
        value = f"{self.value} {self.unit}".strip() if self.value else ""
        origin = words.provenance(self.origin) if self.origin is not None else ""
        return f"{self.name}: " + ", ".join(part for part in (value, self.note, origin) if part)


class Figure(Panel):
    """Name above, value and unit below, then the note and the badge where they fit, else on a line of their own.

    With `inline` the name stands before the value; with `align` RIGHT besides, the rest ends the line. Where not
    `named`, the name is only spoken and copied. `px` is the size of the value.
    """

    def __init__(
        self,
        look: Appearance,
        *,
        px: int = FIGURE_PX,
        align: Qt.AlignmentFlag = LEFT,
        inline: bool = False,
        named: bool = True,
    ) -> None:
        super().__init__(look)
        self._shown = Shown("", "")
        self._px, self._align, self._inline, self._named = px, align, inline, named
        self._wraps = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.settle()

    @property
    def shown(self) -> Shown:
        return self._shown

    def show_value(self, shown: Shown) -> None:
        """Show it, if it differs from what is shown."""
        if shown == self._shown:
            return
        self._shown = shown
        self.setAccessibleName(shown.spoken)
        tip = "\n".join(filter(None, (shown.tip, words.provenance_tip(shown.origin) if shown.origin else "")))
        self.setToolTip(tip or shown.spoken)
        self.setAccessibleDescription(tip)
        if self._must_wrap(self.width()) != self._wraps:
            self.updateGeometry()
        self.update()

    def copy(self) -> None:
        """Put ``name: value`` with its provenance on the clipboard."""
        origin = f" ({words.provenance(self._shown.origin)})" if self._shown.origin is not None else ""
        QGuiApplication.clipboard().setText(f"{self._shown.name}: {self._shown.plain}{origin}")

    def set_theme(self, theme: Theme) -> None:
        base = self.look.font
        self._name_face = Face.of(base, theme.px(SECONDARY_PX))
        self._value_face = Face.of(base, theme.px(self._px), bold=True)
        self._unit_face = self._name_face if self._px > FIGURE_PX else self._value_face
        self._badge_face = badge_face(base, theme)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._value_width() + 2 * _RING_PX, self.heightForWidth(10_000))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self._value_width(), 90), self.heightForWidth(10_000))

    def heightForWidth(self, width: int) -> int:
        name, value = self._name_face.height, self._value_face.height
        height = value if self._inline else name + _LINE_GAP_PX + value
        return height + (name + _LINE_GAP_PX if self._must_wrap(width) else 0) + 2

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not copy_key(event, self, self.copy):
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        open_copy_menu(self, self.copy, event.globalPos())

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        theme = self.look.theme
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(theme.accent))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        box = self.rect().adjusted(_RING_PX, 1, -_RING_PX, -1)
        if not self._inline:
            box = self._paint_name(painter, box)
        self._wraps = self._must_wrap(self.width())
        line = QRect(box.left(), box.top(), box.width(), self._value_face.height)
        self._paint_value(painter, line, trailing=not self._wraps)
        if self._wraps:
            below = QRect(box.left(), line.bottom() + 1 + _LINE_GAP_PX, box.width(), box.bottom() - line.bottom())
            self._paint_trailing(painter, below, self._start(below, self._trailing_width()))
        painter.end()

    def _paint_name(self, painter: QPainter, box: QRect) -> QRect:
        face, text = self._name_face, self._shown.name
        if face.width(text) > box.width():
            text = face.metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.setFont(face.font)
        painter.setPen(QColor(readable(self.look.theme.muted, self.look.theme.raised)))
        painter.drawText(QPoint(self._start(box, face.width(text)), box.top() + face.ascent), text)
        return box.adjusted(0, face.height + _LINE_GAP_PX, 0, 0)

    def _paint_value(self, painter: QPainter, line: QRect, *, trailing: bool) -> None:
        """Value and unit on one baseline, and what trails them if it fits."""
        baseline = line.top() + self._value_face.ascent
        if self._name_width():
            painter.setFont(self._name_face.font)
            painter.setPen(QColor(readable(self.look.theme.muted, self.look.theme.raised)))
            painter.drawText(QPoint(line.left(), baseline), self._shown.name)
            line.setLeft(line.left() + self._name_width())
        x = self._start(line, self._pieces_width() + (self._trailing_width() if trailing else 0))
        for text, face, color in self._pieces(self.look.theme):
            painter.setFont(face.font)
            painter.setPen(QColor(color))
            painter.drawText(QPoint(x, baseline), text)
            x += face.width(text) + _UNIT_GAP_PX
        if trailing:
            self._paint_trailing(painter, line, x + (_GAP_PX - _UNIT_GAP_PX if self._shown.value else 0))

    def _pieces(self, theme: Theme) -> list[tuple[str, Face, str]]:
        shown = self._shown
        muted = readable(theme.muted, theme.raised)
        pieces = []
        if shown.value:
            pieces.append((shown.value, self._value_face, theme.text))
            if shown.unit:
                pieces.append((shown.unit, self._unit_face, muted if self._px > FIGURE_PX else theme.text))
        return pieces

    def _paint_trailing(self, painter: QPainter, line: QRect, x: int) -> None:
        """Note and badge, on the baseline of the value's line or centred in their own."""
        theme, shown = self.look.theme, self._shown
        face = self._name_face
        baseline = line.top() + (face.ascent if self._wraps else self._value_face.ascent)
        if shown.note:
            painter.setFont(face.font)
            painter.setPen(QColor(readable(shown.color or theme.muted, theme.raised)))
            painter.drawText(QPoint(x, baseline), shown.note)
            x += face.width(shown.note) + _GAP_PX
        if shown.origin is not None:
            text = words.provenance(shown.origin)
            size = badge_size(self._badge_face, text)
            middle = baseline - face.cap / 2
            box = QRectF(x, round(middle - size.height() / 2), size.width(), size.height())
            paint_badge(painter, box, text, self._badge_face, theme, on=theme.raised)

    def _start(self, line: QRect, wide: int) -> int:
        return line.right() - wide + 1 if self._align == RIGHT else line.left()

    def _name_width(self) -> int:
        """Of a name on the value's line, with the gap after it."""
        return self._name_face.width(self._shown.name) + _GAP_PX if self._inline and self._named else 0

    def _pieces_width(self) -> int:
        pieces = self._pieces(self.look.theme)
        return sum(face.width(text) + _UNIT_GAP_PX for text, face, _ in pieces) - (_UNIT_GAP_PX if pieces else 0)

    def _value_width(self) -> int:
        return self._name_width() + self._pieces_width()

    def _trailing_width(self) -> int:
        """Of note and badge, with the gap before them."""
        widths = []
        if self._shown.note:
            widths.append(self._name_face.width(self._shown.note))
        if self._shown.origin is not None:
            widths.append(badge_size(self._badge_face, words.provenance(self._shown.origin)).width())
        gaps = len(widths) if self._shown.value else len(widths) - 1
        return sum(widths) + _GAP_PX * gaps if widths else 0

    def _must_wrap(self, width: int) -> bool:
        trailing = self._trailing_width()
        has_value = bool(self._shown.value)
        return has_value and trailing > 0 and self._value_width() + trailing > width - 2 * _RING_PX
