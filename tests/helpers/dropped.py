"""Images that tests make, and what is dropped and pasted with them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from autoglm_desktop.core.perception import ImageLabel, ImageReading, TextLine

READING = ImageReading(
    (TextLine("Meeting at 15:30", 0.99, (10, 10, 200, 40)), TextLine("会议室 302", 0.97, (10, 50, 200, 80))),
    (ImageLabel("notebook", 0.62), ImageLabel("menu", 0.004)),
    640,
    400,
    0.8,
)


def picture(path: Path, size: tuple[int, int] = (640, 400), color: str = "#2F6BE4", words: str = "") -> Path:
    """An image file of a plain colour with a frame, in the format of its suffix."""
    image = Image.new("RGB", size, color)
    drawn = ImageDraw.Draw(image)
    drawn.rectangle((8, 8, size[0] - 9, size[1] - 9), outline="white", width=4)
    drawn.text((24, 24), words or path.stem, fill="white", font_size=max(12, size[1] // 10))
    image.save(path)
    return path


def with_lines(path: Path, lines: Sequence[str]) -> Path:
    """Black text on white, as a screenshot has it."""
    image = Image.new("RGB", (900, 60 + 80 * len(lines)), "white")
    drawn = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        drawn.text((40, 40 + 80 * number), line, fill="black", font_size=38)
    image.save(path)
    return path


def png_bytes(size: tuple[int, int] = (320, 200), color: str = "#0F9D8A") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def bomb(path: Path, side: int = 12_000) -> Path:
    """A small PNG file that says it is `side` by `side` pixels, and is: all black, one bit each."""
    row = b"\0" + bytes((side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def files(paths: Sequence[Path]) -> QMimeData:
    """What a file manager drags or copies."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def from_browser(png: bytes, address: str = "https://example.org/pictures/cat.png") -> QMimeData:
    """What a browser drags: the bytes, the address, and HTML."""
    data = QMimeData()
    data.setUrls([QUrl(address)])
    data.setData("image/png", png)
    data.setHtml(f'<img src="{address}">')
    return data


def drop(target: QWidget, data: QMimeData, at: QPoint | None = None) -> bool:
    """Drag `data` over `target` and drop it there, by the events that the system sends; whether it was taken."""
    place = at or target.rect().center()
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, copy, data, left, none)
    QApplication.sendEvent(target, enter)
    if not enter.isAccepted():
        return False
    dropped = QDropEvent(QPointF(place), copy, data, left, none)
    QApplication.sendEvent(target, dropped)
    return dropped.isAccepted()
