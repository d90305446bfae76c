"""A photo: live picture, shutter, mirror, choice of camera; what is missing is said where the picture would be."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from autoglm_desktop.core.i18n import Text, tr
from autoglm_desktop.devices.camera import CameraDevice, CameraListener, CameraSource, no_camera, unplugged
from autoglm_desktop.ui.appearance import Appearance
from autoglm_desktop.ui.icons import pixmap

_RADIUS = 12


class Preview(QWidget):
    """The picture of the camera, or the sentence in its place."""

    def __init__(self, look: Appearance) -> None:
        super().__init__()
        self._look = look
        self.picture = QImage()
        self.words = ""
        self.mirrored = False
        self.setMinimumSize(QSize(480, 360))

    def show_picture(self, picture: QImage) -> None:
        self.picture, self.words = picture, ""
        self.setAccessibleName(tr("Picture of the camera"))
        self.update()

    def show_words(self, words: str) -> None:
        self.picture, self.words = QImage(), words
        self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def paintEvent(self, _: QPaintEvent) -> None:
        theme = self._look.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(QColor(theme.line))
        painter.setBrush(QColor(theme.background))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), _RADIUS, _RADIUS)
        if self.picture.isNull():
            self._paint_words(painter)
        else:
            shown = mirrored(self.picture) if self.mirrored else self.picture
            box = QRect(0, 0, 1, 1)
            box.setSize(shown.size().scaled(self.size() - QSize(2, 2), Qt.AspectRatioMode.KeepAspectRatio))
            box.moveCenter(self.rect().center())
            painter.drawImage(box, shown)
        painter.end()

    def _paint_words(self, painter: QPainter) -> None:
        theme, middle = self._look.theme, self.rect().center()
        painter.drawPixmap(
            middle.x() - 18, middle.y() - 56, pixmap("camera", theme.muted, 36, self.devicePixelRatioF())
        )
        painter.setPen(QColor(theme.text))
        box = QRect(32, middle.y(), self.width() - 64, 100)
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap, self.words)


class CameraView(QWidget):
    """Takes one photo. The camera runs from the beginning to `stop`, but not while a photo is being looked at."""

    taken = Signal(QImage)
    changed = Signal()
    """Live picture or photo, another camera, cameras that came or went."""

    def __init__(self, look: Appearance, camera: CameraSource) -> None:
        super().__init__()
        self.look, self._camera = look, camera
        self.preview = Preview(look)
        self.choice, self.mirror = QComboBox(), QCheckBox()
        self.shutter, self.again, self.use = QPushButton(), QPushButton(), QPushButton()
        self._held = False
        self._chosen: CameraDevice | None = None
        self._why: Text | None = None
        self._lay_out()
        self._connect()
        self.retranslate()
        camera.listen(CameraListener(self._frame, self._ended, self._list_devices))
        self._list_devices()

    def retranslate(self) -> None:
        self.mirror.setText(tr("Mirror"))
        self.mirror.setToolTip(tr("Turn left and right round, in the photo too"))
        self.choice.setAccessibleName(tr("Camera"))
        self.choice.setPlaceholderText(tr("Choose a camera"))
        self.shutter.setText(tr("Take the photo"))
        self.again.setText(tr("Again"))
        self.use.setText(tr("Use this photo"))
        self._show_state()

    @property
    def main_button(self) -> QPushButton:
        """What Enter presses."""
        return self.use if self._held else self.shutter

    @property
    def has_other(self) -> bool:
        """Whether another camera can be chosen now."""
        return self.choice.isEnabled() and self.choice.count() > (self.choice.currentIndex() >= 0)

    def choose_other(self) -> None:
        """The next camera; after the last one the first."""
        if self.has_other:
            self.choice.setCurrentIndex((self.choice.currentIndex() + 1) % self.choice.count())

    def stop(self) -> None:
        """Let go of the camera."""
        self._camera.listen(None)
        self._camera.stop()

    def press_shutter(self) -> None:
        """Hold the picture, to look at it."""
        if not self.preview.picture.isNull():
            self._held = True
            self._camera.stop()
            self._show_state()
            self.use.setFocus()

    def press_again(self) -> None:
        """Back to the live picture."""
        self._held = False
        self._start()
        self.shutter.setFocus()

    def press_use(self) -> None:
        """Hand the photo over."""
        picture = self.preview.picture
        self.taken.emit(mirrored(picture) if self.mirror.isChecked() else picture)

    def _list_devices(self) -> None:
        """Show the cameras; the chosen one stays chosen, and one that comes when there was none is used.

        When the chosen one goes, none is chosen: another one must not watch without being asked.
        """
        devices = self._camera.devices()
        if not devices:
            self._chosen = None
        self.choice.blockSignals(True)
        self.choice.clear()
        for device in devices:
            self.choice.addItem(device.name, device.id)
        self.choice.setCurrentIndex(0 if self._chosen is None else self.choice.findData(self._chosen.id))
        self.choice.blockSignals(False)
        if not devices and self._why is None:
            self._ended(no_camera())
        elif self.choice.currentIndex() >= 0 and not self._held and (self._chosen is None or self._why is not None):
            self._start()
        self._show_state()

    def _start(self) -> None:
        self._held, self._why = False, None
        device_id = self.choice.currentData()
        if device_id is None:
            self._ended(no_camera() if self._chosen is None else unplugged(self._chosen.name))
            return
        self._chosen = CameraDevice(device_id, self.choice.currentText())
        self.preview.show_words(tr("The camera starts…"))
        self._camera.start(device_id)
        self._show_state()

    def _frame(self, picture: QImage) -> None:
        if self._held:
            return
        first = self.preview.picture.isNull()
        self.preview.show_picture(picture)
        if first:
            self._show_state()

    def _ended(self, why: Text) -> None:
        """No more pictures; a photo that is being looked at stays."""
        self._why = why
        if not self._held:
            self.preview.show_words(str(why))
        self._show_state()

    def _show_state(self) -> None:
        if self._why is not None and not self._held:
            self.preview.show_words(str(self._why))
        live = not self.preview.picture.isNull()
        self.shutter.setVisible(not self._held)
        self.shutter.setEnabled(live)
        self.shutter.setToolTip("" if live else self.preview.words)
        self.again.setVisible(self._held)
        self.use.setVisible(self._held)
        self.choice.setEnabled(self.choice.count() > 0 and not self._held)
        self.main_button.setDefault(True)
        self.changed.emit()

    def _mirror(self, on: bool) -> None:
        self.preview.mirrored = on
        self.preview.update()

    def _lay_out(self) -> None:
        for button in (self.shutter, self.use):
            button.setProperty("role", "primary")
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.choice, 1)
        row.addWidget(self.mirror)
        row.addStretch(1)
        for button in (self.again, self.use, self.shutter):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        column.addWidget(self.preview, 1)
        column.addLayout(row)

    def _connect(self) -> None:
        self.choice.currentIndexChanged.connect(lambda _: self._start())
        self.mirror.toggled.connect(self._mirror)
        self.shutter.clicked.connect(self.press_shutter)
        self.again.clicked.connect(self.press_again)
        self.use.clicked.connect(self.press_use)
        self.look.language_changed.connect(self.retranslate)


def mirrored(picture: QImage) -> QImage:
    """Left and right turned round."""
    return picture.flipped(Qt.Orientation.Horizontal)
