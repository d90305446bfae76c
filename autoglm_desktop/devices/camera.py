"""Cameras behind one small protocol: the real ones by Qt Multimedia, and a synthetic one that needs no hardware.

Everything runs on the GUI thread. Qt Multimedia is imported when a camera is first asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QCameraPermission, QCoreApplication, QObject, QRect, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QImage, QPainter

from autoglm_desktop.core.i18n import Text, msg

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QCamera, QCameraDevice, QVideoFrame

log = logging.getLogger(__name__)

PREVIEW_INTERVAL_S = 1 / 25
"""Frames that come faster are left out: turning one into a picture costs milliseconds."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera; `id` names it in this session, `name` is for people."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CameraListener:
    """Who is told, on the GUI thread: each frame, why the pictures ended, and that cameras came or went."""

    frame: Callable[[QImage], None]
    ended: Callable[[Text], None]
    devices_changed: Callable[[], None]


class CameraSource(Protocol):
    """Where pictures come from. One camera runs at a time."""

    def listen(self, listener: CameraListener | None) -> None:
        """Tell `listener` from now on, and nobody else; None: nobody."""

    def devices(self) -> tuple[CameraDevice, ...]:
        """The cameras that are plugged in, the system's preferred one first."""

    def start(self, device_id: str) -> None:
        """Deliver frames of this camera, instead of any other. What hinders it is told by `ended`."""

    def stop(self) -> None:
        """Let go of the camera. Not running: nothing happens."""


def no_camera() -> Text:
    """Said in the place of the picture."""
    return msg("No camera was found. Plug one in: it appears here by itself.")


def unplugged(name: str) -> Text:
    return msg("{camera} was unplugged. Plug it in again, or choose another camera.", camera=name)


class FrameSink(QObject):
    """Pictures out of a capture session, at most 25 a second."""

    def __init__(self, deliver: Callable[[QImage], None], parent: QObject | None = None) -> None:
        from PySide6.QtMultimedia import QMediaCaptureSession, QVideoSink

        super().__init__(parent)
        self.session, self._sink = QMediaCaptureSession(self), QVideoSink(self)
        self.session.setVideoSink(self._sink)
        self._deliver = deliver
        self._last_s = 0.0
        self._sink.videoFrameChanged.connect(self._arrived)

    def _arrived(self, frame: QVideoFrame) -> None:
        now_s = time.monotonic()
        if not frame.isValid() or now_s - self._last_s < PREVIEW_INTERVAL_S:
            return
        self._last_s = now_s
        picture = frame.toImage()
        if not picture.isNull():
            self._deliver(picture)


class QtCamera(QObject):
    """The cameras of this computer. Implements CameraSource."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        from PySide6.QtMultimedia import QMediaDevices

        self._listener: CameraListener | None = None
        self._camera: QCamera | None = None
        self._running: CameraDevice | None = None
        self._watch = QMediaDevices(self)
        self._watch.videoInputsChanged.connect(self._inputs_changed)
        self._frames = FrameSink(self._frame, self)

    def listen(self, listener: CameraListener | None) -> None:
        self._listener = listener

    def devices(self) -> tuple[CameraDevice, ...]:
        found = sorted(self._inputs(), key=lambda device: not device.isDefault())
        return tuple(CameraDevice(_id(device), device.description()) for device in found)

    def start(self, device_id: str) -> None:
        self.stop()
        permission = QCameraPermission()
        status = QCoreApplication.instance().checkPermission(permission)  # type: ignore[union-attr]
        if status is Qt.PermissionStatus.Undetermined:
            QCoreApplication.instance().requestPermission(  # type: ignore[union-attr]
                permission, self, lambda _: self.start(device_id)
            )
        elif status is Qt.PermissionStatus.Denied:
            self._end(msg("The system does not allow this application to use the camera. Allow it in its settings."))
        else:
            self._open(device_id)

    def stop(self) -> None:
        camera, self._camera, self._running = self._camera, None, None
        if camera is not None:
            camera.errorOccurred.disconnect(self._failed)
            camera.stop()
            self._frames.session.setCamera(None)  # type: ignore[arg-type]
            camera.deleteLater()

    def _open(self, device_id: str) -> None:
        from PySide6.QtMultimedia import QCamera

        device = next((device for device in self._inputs() if _id(device) == device_id), None)
        if device is None:
            self._end(no_camera())
            return
        self._running = CameraDevice(device_id, device.description())
        self._camera = QCamera(device, self)
        self._camera.errorOccurred.connect(self._failed)
        self._frames.session.setCamera(self._camera)
        self._camera.start()

    def _inputs(self) -> list[QCameraDevice]:
        from PySide6.QtMultimedia import QMediaDevices

        return list(QMediaDevices.videoInputs())

    def _inputs_changed(self) -> None:
        running = self._running
        if running is not None and running.id not in {_id(device) for device in self._inputs()}:
            self.stop()
            self._end(unplugged(running.name))
        if self._listener is not None:
            self._listener.devices_changed()

    def _failed(self, error: QCamera.Error, words: str) -> None:
        from PySide6.QtMultimedia import QCamera

        if error is QCamera.Error.NoError:
            return
        log.warning("camera: %s", words)
        self.stop()
        self._end(msg("The camera could not be used ({reason}). Another program may hold it.", reason=words))

    def _frame(self, picture: QImage) -> None:
        if self._listener is not None and self._running is not None:
            self._listener.frame(picture)

    def _end(self, why: Text) -> None:
        if self._listener is not None:
            self._listener.ended(why)


def _id(device: QCameraDevice) -> str:
    return bytes(device.id().data()).decode(errors="replace")


class SyntheticCamera(QObject):
    """Draws its frames: a test card with a running number. `plug` and `unplug` are what a hand does to a cable.

    Implements CameraSource.
    """

    def __init__(
        self, devices: tuple[CameraDevice, ...] = (CameraDevice("card", "Test card"),), interval_ms: int = 40
    ) -> None:
        super().__init__()
        self._devices = devices
        self._listener: CameraListener | None = None
        self._running: CameraDevice | None = None
        self._number = 0
        self._beat = QTimer(self, interval=interval_ms)
        self._beat.timeout.connect(self._draw)

    @property
    def running(self) -> str | None:
        """Id of the camera that delivers."""
        return self._running.id if self._running else None

    def listen(self, listener: CameraListener | None) -> None:
        self._listener = listener

    def devices(self) -> tuple[CameraDevice, ...]:
        return self._devices

    def start(self, device_id: str) -> None:
        self._running = next((device for device in self._devices if device.id == device_id), None)
        if self._running is None and self._listener is not None:
            self._listener.ended(no_camera())
        if self._running is not None:
            self._beat.start()

    def stop(self) -> None:
        self._running = None
        self._beat.stop()

    def plug(self, device: CameraDevice) -> None:
        self._devices = (*self._devices, device)
        if self._listener is not None:
            self._listener.devices_changed()

    def unplug(self, device_id: str) -> None:
        gone = self._running
        self._devices = tuple(device for device in self._devices if device.id != device_id)
        if gone is not None and gone.id == device_id:
            self.stop()
            if self._listener is not None:
                self._listener.ended(unplugged(gone.name))
        if self._listener is not None:
            self._listener.devices_changed()

    def _draw(self) -> None:
        if self._listener is None or self._running is None:
            return
        self._number += 1
        self._listener.frame(card_picture(self._running.name, self._number))


def card_picture(name: str, number: int, width: int = 640, height: int = 480) -> QImage:
    """A picture that tells left from right: red on the left, blue on the right, a name and a number."""
    picture = QImage(width, height, QImage.Format.Format_RGB32)
    picture.fill(QColor("#C8413B"))
    painter = QPainter(picture)
    painter.fillRect(QRect(width // 2, 0, width - width // 2, height), QColor("#2F6BE4"))
    painter.setPen(QColor("white"))
    font = QFont()
    font.setPixelSize(height // 8)
    painter.setFont(font)
    painter.drawText(picture.rect(), Qt.AlignmentFlag.AlignCenter, f"{name}\n{number}")
    painter.end()
    return picture
