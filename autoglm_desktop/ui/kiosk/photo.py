"""The kiosk's page for a photo: the camera of the ordinary window's dialog, with buttons for fingers."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.devices.camera import CameraSource
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.images.camera_view import CameraView
from autoglm_desktop.ui.widgets.parts import Panel, describe

from .flow import FlowLayout

_LEAST_PREVIEW_PX = (320, 240)


class PhotoPage(Panel):
    """`taken` with the photo, `left` when the page is done with. The camera runs only while the page is shown."""

    taken = Signal(QImage)
    left = Signal()

    def __init__(self, look: Appearance, camera: Callable[[], CameraSource]) -> None:
        """`camera` is asked for at each beginning."""
        super().__init__(look)
        self._camera = camera
        self.view: CameraView | None = None
        self.back, self.other = QPushButton(), QPushButton()
        for button in (self.back, self.other):
            button.setProperty("role", "kioskChip")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(20)
        self._controls = QWidget()
        self._flow = FlowLayout(self._controls, spacing=14)
        self._flow.addWidget(self.back)
        self._flow.addWidget(self.other)
        self._column.addWidget(self._controls)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.back.clicked.connect(self.left)
        self.other.clicked.connect(self._choose_other)
        self.settle()

    def retranslate(self) -> None:
        for button, text in ((self.back, tr("Back")), (self.other, tr("Other camera"))):
            button.setText(text)
            describe(button, text)
        self.setAccessibleName(tr("Camera"))

    def begin(self) -> None:
        """Start the camera, or go on with it."""
        if self.view is None:
            self.view = view = CameraView(self.look, self._camera())
            view.preview.setMinimumSize(*_LEAST_PREVIEW_PX)
            view.preview.setObjectName("kioskPreview")
            view.choice.hide()  # its list would be a window of its own; the button `other` goes through it
            view.mirror.setProperty("role", "kioskCheck")
            for button, role in ((view.again, "kioskChip"), (view.use, "kioskPrimary"), (view.shutter, "kioskPrimary")):
                button.setProperty("role", role)
            for part in (view.mirror, view.again, view.use, view.shutter):
                self._flow.addWidget(part)
            self._column.insertWidget(0, view, 1)
            view.taken.connect(self.taken)
            view.changed.connect(self._show_other)
            self._show_other()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def end(self) -> None:
        """Let go of the camera, and keep nothing of what it saw."""
        view, self.view = self.view, None
        if view is not None:
            view.stop()
            for part in (view.mirror, view.again, view.use, view.shutter, view):
                part.hide()
                part.deleteLater()

    def _choose_other(self) -> None:
        if self.view is not None:
            self.view.choose_other()

    def _show_other(self) -> None:
        self.other.setVisible(self.view is not None and self.view.has_other)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus, else the shutter; Esc leads back."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.view is not None:
            focused = self.focusWidget()
            (focused if isinstance(focused, QPushButton) else self.view.main_button).click()
        else:
            super().keyPressEvent(event)
