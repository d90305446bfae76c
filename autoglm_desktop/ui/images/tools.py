"""What the buttons for images open: files, camera, screens, an image in full; and drops anywhere in the window.

Dialogs are imported when they are opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow, QWidget

from autoglm_desktop.core.i18n import tr
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.devices.camera import CameraSource, QtCamera
from autoglm_desktop.devices.screen import QtScreens, ScreenSource, no_picture
from autoglm_desktop.ui.widgets.composer import Composer

from .desk import ImageDesk
from .drop import DropArea
from .sources import Offer

if TYPE_CHECKING:
    from .camera_dialog import CameraDialog
    from .region import ScreenshotTaker
    from .viewer import ImageViewer


class ImageTools(QObject):
    """Opens dialogs over the window for its desk of images. GUI thread only."""

    def __init__(
        self,
        images: ImageDesk,
        window: QMainWindow,
        chat: QWidget,
        composer: Composer,
        path_of: Callable[[str], Path],
    ) -> None:
        """`chat` takes drops; `path_of` gives the file of an image by its hash and may raise AppError."""
        super().__init__(window)
        self._images, self._window, self._path_of = images, window, path_of
        self._look = composer.look
        self.camera: Callable[[], CameraSource] = self._own_camera
        """Which cameras `take_photo` offers; made when it is first asked for."""
        self.screens: ScreenSource = QtScreens()
        self._own: QtCamera | None = None
        self.screenshots: ScreenshotTaker | None = None
        self.drops = DropArea(window, chat, composer.look)
        self.drops.dropped.connect(images.take_mime)
        images.open_requested.connect(self.show)
        composer.attach.clicked.connect(self.choose_files)
        composer.camera.clicked.connect(self.take_photo)
        composer.screenshot.clicked.connect(self.take_screenshot)

    def show(self, parts: Sequence[ImagePart], at: int) -> ImageViewer:
        """An image in full."""
        from .viewer import ImageViewer

        viewer = ImageViewer(self._look, parts, at, self._path_of, self._window)
        viewer.show()
        return viewer

    def choose_files(self) -> None:
        self._images.ask_for_files()

    def take_photo(self) -> CameraDialog:
        """The live picture with its shutter."""
        from .camera_dialog import CameraDialog

        dialog = CameraDialog(self._look, self.camera(), self._window)
        dialog.taken.connect(lambda picture: self._images.take_picture(picture, tr("Photo")))
        dialog.open()
        return dialog

    def take_screenshot(self) -> None:
        """Hide the window and choose a region; where that is not allowed, say why."""
        why_not = self.screens.hindrance()
        if why_not is not None:
            self._images.take(Offer(refused=(why_not,)))
            return
        if self.screenshots is None:
            from .region import ScreenshotTaker

            self.screenshots = ScreenshotTaker(self._window, self.screens)
            self.screenshots.taken.connect(lambda picture: self._images.take_picture(picture, tr("Screenshot")))
            self.screenshots.failed.connect(lambda: self._images.take(Offer(refused=(no_picture(),))))
        self.screenshots.begin()

    def _own_camera(self) -> CameraSource:
        if self._own is None:
            self._own = QtCamera(self)
        return self._own
