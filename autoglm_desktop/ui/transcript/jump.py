"""The round button that leads back to the end."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from autoglm_desktop.core.i18n import tr

from .buttons import Button, pixmap
from .look import Look

_SIZE_PX, _ICON_PX = 36, 18


class JumpButton(Button):
    """Floats above the lower end of the column while that is not the end of the conversation."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(look, parent)
        self.resize(self.sizeHint())
        self.hide()

    def set_look(self, look: Look) -> None:
        self.look = look
        self.setAccessibleName(tr("Jump to the end"))
        self.setToolTip(tr("Jump to the end"))
        self.update()

    def place(self, area: QRect, *, shown: bool) -> None:
        """Stand centred above the lower edge of `area`."""
        self.move(area.center().x() - self.width() // 2, area.bottom() - self.height() - 12)
        if shown != self.isVisible():
            self.setVisible(shown)
            self.raise_()

    def sizeHint(self) -> QSize:
        return QSize(_SIZE_PX, _SIZE_PX)

    def paintEvent(self, _: QPaintEvent) -> None:
        theme = self.look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(theme.accent if self.hasFocus() else theme.line))
        painter.setBrush(QColor(theme.raised))
        painter.drawEllipse(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5))
        box = QRect(0, 0, _ICON_PX, _ICON_PX)
        box.moveCenter(self.rect().center())
        painter.drawPixmap(box.topLeft(), pixmap("arrow-down", theme.text, _ICON_PX, self.devicePixelRatioF()))
        painter.end()
