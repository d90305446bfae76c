"""The ordinary window's dialog for a photo."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.devices.camera import CameraSource
from autoglm_desktop.ui.appearance import Appearance

from .camera_view import CameraView


class CameraDialog(QDialog):
    """Takes one photo and closes; the camera is free afterwards."""

    taken = Signal(QImage)

    def __init__(self, look: Appearance, camera: CameraSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.view = CameraView(look, camera)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.addWidget(self.view)
        self.view.shutter.setFocus()
        self.view.taken.connect(self.taken)
        self.view.taken.connect(self.accept)
        look.language_changed.connect(self.retranslate)
        self.retranslate()

    def retranslate(self) -> None:
        self.setWindowTitle(tr("Camera"))

    def done(self, result: int) -> None:
        self.view.stop()
        super().done(result)
