"""Buttons and small words of the column, drawn by hand: hundreds of them cost little, and the style sheet of the
application is not evaluated for each.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QRect, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from autoglm_desktop.core.precision import Tier
from autoglm_desktop.ui import icons
from autoglm_desktop.ui.style import mix

from .look import Look

ICON_PX, BUTTON_PX, CONFIRM_MS = 16, 24, 1500
_WRAP = int(Qt.TextFlag.TextWordWrap)


pixmap = lru_cache(maxsize=256)(icons.pixmap)


class Button(QAbstractButton):
    """Focus with Tab, pressed with Enter or Space, a ring where the focus is."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = look
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)

    def paint_ground(self, painter: QPainter, *, line: bool = False) -> None:
        """Background for hover and press, an outline where asked for, and the ring of the focus."""
        theme = self.look.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hot = self.isEnabled() and (self.underMouse() or self.isDown())
        wash = QColor(mix(theme.surface, theme.text, 0.12 if self.isDown() else 0.06))
        painter.setBrush(wash if hot else Qt.BrushStyle.NoBrush)
        pen = theme.accent if self.hasFocus() else theme.line if line else None
        painter.setPen(QColor(pen) if pen else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 7, 7)


class IconButton(Button):
    """An icon with a tooltip. `quiet` ones appear when the mouse or the focus is near (`reveal`)."""

    def __init__(self, look: Look, icon: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self._icon = icon
        self._revealed = True
        self.setAccessibleName(name)
        self.setToolTip(name)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.timeout.connect(lambda: self._show(icon, name))

    def sizeHint(self) -> QSize:
        return QSize(BUTTON_PX, BUTTON_PX)

    def reveal(self, shown: bool) -> None:
        self._revealed = shown
        self.update()

    def confirm(self, text: str) -> None:
        """Show a tick and `text` for a moment."""
        self._show("check", text)
        self._back.start(CONFIRM_MS)

    def _show(self, icon: str, name: str) -> None:
        self._icon = icon
        self.setToolTip(name)
        self.setAccessibleName(name)
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        if not (self._revealed or self.hasFocus()):
            return
        painter = QPainter(self)
        self.paint_ground(painter)
        theme = self.look.theme
        color = theme.text if self.underMouse() else theme.muted if self.isEnabled() else theme.line
        box = QRect(0, 0, ICON_PX, ICON_PX)
        box.moveCenter(self.rect().center())
        painter.drawPixmap(box.topLeft(), pixmap(self._icon, color, ICON_PX, self.devicePixelRatioF()))
        painter.end()


class WordButton(Button):
    """A word to press, in the accent or a muted colour, outlined where it is a proposal."""

    def __init__(
        self,
        look: Look,
        text: str,
        parent: QWidget | None = None,
        *,
        outlined: bool = False,
        color: str | None = None,
        px: int = 12,
        icon: str | None = None,
    ) -> None:
        super().__init__(look, parent)
        self._outlined, self._icon = outlined, icon
        self._color = color or look.theme.muted
        self._font = look.font(px)
        self.setText(text)
        self.setAccessibleName(text)
        self._word = text
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.timeout.connect(lambda: self.set_word(self._word))

    def set_word(self, text: str) -> None:
        self.setText(text)
        self.update()

    def set_icon(self, icon: str) -> None:
        self._icon = icon
        self.update()

    def confirm(self, text: str) -> None:
        """Show `text` for a moment."""
        self.setText(text)
        self.update()
        self._back.start(CONFIRM_MS)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font)
        pad = 13 if self._outlined else 6
        icon = metrics.height() + 4 if self._icon else 0
        return QSize(
            metrics.horizontalAdvance(self.text()) + 2 * pad + icon, metrics.height() + (14 if self._outlined else 8)
        )

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        self.paint_ground(painter, line=self._outlined)
        painter.setFont(self._font)
        color = self.look.ink(self._color if self.isEnabled() else self.look.theme.faint)
        painter.setPen(color)
        box = self.rect()
        if self._icon:
            size = QFontMetrics(self._font).height() - 2
            left = 13 if self._outlined else 4
            picture = pixmap(self._icon, color.name(), size, self.devicePixelRatioF())
            painter.drawPixmap(left, (self.height() - size) // 2, picture)
            box.setLeft(left + size)
        room = box.width() - (2 * 6 if self._outlined else 0)
        text = QFontMetrics(self._font).elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()


class Words(QWidget):
    """A line of words, wrapped where it must be; never clipped."""

    def __init__(self, text: str, font: QFont, color: QColor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._font, self._color, self._text = font, color, ""
        self.set_text(text)

    @property
    def text(self) -> str:
        return self._text

    def set_text(self, text: str) -> bool:
        """Show `text`; True when the size may have changed."""
        if text == self._text:
            return False
        self._text = text
        self.setAccessibleName(text)
        self.update()
        return True

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font)
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height())

    def height_for(self, width: int) -> int:
        box = QFontMetrics(self._font).boundingRect(QRect(0, 0, width, 100_000), _WRAP, self._text)
        return box.height()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._font)
        painter.setPen(self._color)
        painter.drawText(self.rect(), _WRAP | int(Qt.AlignmentFlag.AlignVCenter), self._text)
        painter.end()


class TierBadge(QWidget):
    """The name of a tier in its colour, outlined."""

    def __init__(self, look: Look, tier: Tier, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tier, self._look = tier, look
        self._font = look.font(look.caption_px, bold=True)
        self.setAccessibleName(tier.label)
        self.setToolTip(tier.label)

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font)
        return QSize(metrics.horizontalAdvance(self._tier.label) + 14, metrics.height() + 4)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        color = self._look.tier_ink(self._tier)
        painter.setPen(color)
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setFont(self._font)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._tier.label)
        painter.end()
