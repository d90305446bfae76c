"""Images that tests make, and what a scripted engine reads in them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw

from autoglm_desktop.core.perception import ImageLabel, ImageReading, TextLine


def encoded(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def pattern(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    """A drawing whose corners differ: red top left, green top right, blue bottom left, white bottom right."""
    width, height = size
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill=(255, 0, 0))
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill=(0, 255, 0))
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill=(0, 0, 255))
    return image if mode == "RGB" else image.convert(mode)


def picture(seed: int = 0, size: tuple[int, int] = (40, 30)) -> bytes:
    """A PNG that differs for every seed."""
    return encoded(Image.new("RGB", size, (seed % 256, seed // 256 % 256, 77)))


def png_with_head(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def reading(*lines: str, labels: tuple[tuple[str, float], ...] = (), size: tuple[int, int] = (40, 30)) -> ImageReading:
    found = tuple(TextLine(line, 0.98, (0, 10 * n, 10, 10 * n + 9)) for n, line in enumerate(lines))
    return ImageReading(found, tuple(ImageLabel(*label) for label in labels), *size, 0.25)
