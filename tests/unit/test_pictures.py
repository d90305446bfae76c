"""Image files on their way to the reader: upright, RGB, bounded; what is no image is refused in a sentence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.engine.runtime.pictures import open_picture


def _halves(mode: str = "RGB", size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Black on the left, white on the right."""
    image = Image.new(mode, size, 0 if mode != "CMYK" else (0, 0, 0, 255))
    light: object = 255
    if mode == "RGB":
        light = (255, 255, 255)
    elif mode == "CMYK":
        light = (0, 0, 0, 0)
    elif mode == "I;16":
        light = 65_535
    image.paste(light, (size[0] // 2, 0, *size))  # type: ignore[arg-type]
    return image


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGB", "png"), ("L", "png"), ("1", "bmp"), ("I;16", "png"), ("CMYK", "jpg"), ("RGB", "webp")]
)
def test_every_kind_comes_out_as_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    _halves(mode).save(path)
    found = open_picture(path)
    assert (found.mode, found.size) == ("RGB", (40, 20))
    dark, light = found.getpixel((5, 10)), found.getpixel((35, 10))
    assert isinstance(dark, tuple)
    assert isinstance(light, tuple)
    assert max(dark) < 16
    assert min(light) > 239


def test_a_rotated_photograph_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    _halves().save(tmp_path / "photo.jpg", exif=exif, quality=95)
    found = open_picture(tmp_path / "photo.jpg")
    assert found.size == (20, 40)
    top, bottom = found.getpixel((10, 5)), found.getpixel((10, 35))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] < 16
    assert bottom[0] > 239


def test_the_first_frame_stands_for_an_animation_and_white_for_nothing(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert open_picture(tmp_path / "two.gif").getpixel((4, 4)) == (255, 0, 0)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert open_picture(tmp_path / "clear.png").getpixel((4, 4)) == (255, 255, 255)


def _bomb(path: Path, side: int) -> Path:
    """A PNG whose head tells of more pixels than there are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path, side: int) -> None:
    with pytest.raises(AppError, match="too many pixels; up to 100 million"):
        open_picture(_bomb(tmp_path / "bomb.png", side))


def test_what_is_no_image_is_refused_in_a_sentence(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    Image.effect_noise((300, 300), 80).save(whole)
    data = whole.read_bytes()
    contents = {
        "empty": b"",
        "cut short": data[: len(data) // 2],
        "not an image": b"just words" * 50,
        "damaged": data[:60] + bytes(200) + data[260:],
        "mislabelled": b"%PDF-1.7\n" + bytes(500),
    }
    for name, content in contents.items():
        path = tmp_path / "image.png"
        path.write_bytes(content)
        with pytest.raises(AppError) as caught:
            open_picture(path)
        assert caught.value.report.code is ErrorCode.BAD_INPUT, name
        assert "image.png" in str(caught.value.report.cause), name
    with pytest.raises(AppError, match="There is no file"):
        open_picture(tmp_path / "nowhere.png")
