"""Mark and name of the kiosk, which are also the staff's way in."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from autoglm_desktop.ui.brand import brand_pixmap
from autoglm_desktop.ui.style import Theme
from autoglm_desktop.ui.widgets.parts import label

_HOLD_MS = 2000


class Brand(QWidget):
    """Mark and name; `held` when somebody keeps a finger on them."""

    held = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        mark = QLabel()
        mark.setPixmap(brand_pixmap(theme, 28, self.devicePixelRatioF()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(mark)
        row.addWidget(label("kioskBrand", "AutoGLM Desktop"))
        self._hold = QTimer(self, singleShot=True, interval=_HOLD_MS)
        self._hold.timeout.connect(self.held)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._hold.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._hold.stop()
