"""Image files as pictures of a size that is shown: decoded off the GUI thread, kept while there is room."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.ui.transcript.background import Background

log = logging.getLogger(__name__)

SIDE_PX = 640
"""Longest side of a kept thumbnail in pixels: 320 logical ones on a screen with two pixels to each."""
CACHE_BYTES = 64 << 20
_DECODED_MB = 512
"""Of one image while it is decoded: what the largest one that is taken in needs."""


def load(path: Path, longest_px: int) -> QImage:
    """The image in a file, scaled down to `longest_px` where it is larger; a null one when it cannot be read.

    Any thread. JPEG is decoded at the smaller size at once.
    """
    QImageReader.setAllocationLimit(_DECODED_MB)
    reader = QImageReader(str(path))
    reader.setDecideFormatFromContent(True)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > longest_px:
        wanted = QSize(longest_px, longest_px)
        reader.setScaledSize(size.scaled(wanted, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1)))
    picture = reader.read()
    if picture.isNull():
        log.warning("%s cannot be shown: %s", path.name, reader.errorString())
    return picture


def encoded(picture: QImage) -> bytes:
    """A picture of Qt's as the bytes of a PNG file. Any thread."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG", 90)  # type: ignore[call-overload]  # the stub wants bytes, the function a str
    return bytes(buffer.data().data())


class Pictures(QObject):
    """Thumbnails by content hash. `get` gives one that is there, or asks for it: `arrived` follows."""

    arrived = Signal(str)
    """A hash whose thumbnail is there now, or is known not to come (`get` then gives a null image)."""

    def __init__(self, path_of: Callable[[str], Path], background: Background, parent: QObject | None = None) -> None:
        """`path_of` gives the file of a hash and may raise AppError; it is called on the worker thread."""
        super().__init__(parent)
        self._path_of, self._background = path_of, background
        self._kept: OrderedDict[str, QImage] = OrderedDict()
        self._asked: set[str] = set()
        self._bytes = self._generation = 0

    @property
    def kept_bytes(self) -> int:
        return self._bytes

    def forget(self) -> None:
        """Drop every thumbnail, also those that are being made."""
        self._kept.clear()
        self._asked.clear()
        self._bytes = 0
        self._generation += 1

    def get(self, sha256: str) -> QImage | None:
        """The thumbnail; None while it is being made."""
        found = self._kept.get(sha256)
        if found is not None:
            self._kept.move_to_end(sha256)
            return found
        if sha256 not in self._asked:
            self._asked.add(sha256)
            self._background.run(partial(self._load, sha256), partial(self._loaded, self._generation, sha256))
        return None

    def _loaded(self, generation: int, sha256: str, picture: QImage) -> None:
        if generation == self._generation:
            self.put(sha256, picture)

    def put(self, sha256: str, picture: QImage) -> None:
        """Keep a thumbnail, and drop the ones that were not looked at for longest."""
        self._asked.discard(sha256)
        old = self._kept.pop(sha256, None)
        self._bytes += picture.sizeInBytes() - (old.sizeInBytes() if old is not None else 0)
        self._kept[sha256] = picture
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.sizeInBytes()
        self.arrived.emit(sha256)

    def _load(self, sha256: str) -> QImage:
        try:
            return load(self._path_of(sha256), SIDE_PX)
        except AppError as error:
            log.warning("%s", error)
        except Exception:  # the window may be closing: the worker must go on all the same
            log.exception("%s cannot be shown", sha256)
        return QImage()
