"""What becomes of images from outside: every kind, and every kind of bad one."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autoglm_desktop.assistant.image_intake import MAX_NAME_CHARACTERS, take_in
from autoglm_desktop.assistant.image_kinds import advice_for, formats_here
from autoglm_desktop.core import limits
from autoglm_desktop.core.errors import AppError, ErrorCode
from tests.helpers.images import encoded, pattern, png_with_head

_TEN_BITS = (
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAAD5bWV0YQAAAAAAAAAvaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA"
    "AFBpY3R1cmVIYW5kbGVyAAAAAA5waXRtAAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAASEAAAA4AAAAKGlpbmYAAAAAAAEA"
    "AAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGppcHJwAAAAS2lwY28AAAAUaXNwZQAAAAAAAABAAAAAQAAAABBwaXhpAAAAAAMK"
    "CgoAAAAMYXYxQ4EATAAAAAATY29scm5jbHgAAgACAAIAAAAAF2lwbWEAAAAAAAAAAQABBAECgwQAAABAbWRhdAoKAAAAAq//jV84"
    "CDIqEADXAh9888IAAAi0kO3RC6nCAGa/GEll+1Bnr+1LfdqoX7rbP7UzVCcY"
)
"""The pattern in AVIF with 10 bits a colour, which Pillow reads and cannot write."""
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def corners(data: bytes) -> list[tuple[int, ...]]:
    image = opened(data).convert("RGB")
    width, height = image.size
    found = []
    for x, y in ((2, 2), (width - 3, 2), (2, height - 3)):
        pixel = image.getpixel((x, y))
        assert isinstance(pixel, tuple)
        found.append(tuple(255 if value > 127 else 0 for value in pixel))
    return found


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_every_format_is_taken_in_and_the_same_each_time(format_: str, mode: str) -> None:
    if format_ == "JPEG" and mode == "P":
        pytest.skip("there is no such JPEG")
    source = encoded(pattern(mode=mode), format_)
    first, second = take_in(source, name="a"), take_in(source, name="a")
    assert first == second
    assert first.part.media_type == ("image/jpeg" if format_ in ("JPEG", "WEBP") else "image/png")
    assert (first.part.width, first.part.height) == opened(first.data).size == (40, 30)
    if mode == "RGB":
        assert corners(first.data) == [RED, GREEN, BLUE]


def test_avif_is_taken_in_with_its_first_picture() -> None:
    taken = take_in(encoded(pattern(), "AVIF", quality=95))
    assert (taken.part.media_type, corners(taken.data)) == ("image/jpeg", [RED, GREEN, BLUE])
    others = [Image.new("RGB", (40, 30), colour) for colour in ("black", "white")]
    moving = take_in(encoded(pattern(), "AVIF", quality=95, save_all=True, append_images=others))
    assert corners(moving.data) == [RED, GREEN, BLUE]
    clear = pattern().convert("RGBA")
    clear.putalpha(0)
    assert corners(take_in(encoded(clear, "AVIF")).data) == [(255, 255, 255)] * 3


def test_avif_of_ten_bits_is_taken_in() -> None:
    assert corners(take_in(base64.b64decode(_TEN_BITS)).data) == [RED, GREEN, BLUE]


def test_avif_stands_upright_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "someone"
    taken = take_in(encoded(pattern(), "AVIF", quality=95, exif=exif))
    assert (taken.part.width, taken.part.height) == (30, 40)
    assert corners(taken.data)[0] == BLUE
    assert b"someone" not in taken.data


@pytest.mark.parametrize("format_", ["JPEG2000", "ICO"])
def test_rarer_formats_are_taken_in(format_: str) -> None:
    taken = take_in(encoded(pattern((32, 32)), format_))
    assert corners(taken.data) == [RED, GREEN, BLUE]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n" + bytes(99), "of the kind PDF. Save it as PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "of the kind PostScript. Save it as PNG"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "of the kind SVG. Save it as PNG"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "of the kind HTML. Save it as PNG"),
        (b"\0\0\0\x20ftypisom" + bytes(99), "of the kind MP4. Save it as PNG"),
        (b"8BPS\0\1" + bytes(99), "of the kind Photoshop. Save it as PNG"),
        (b"\xff\x0a" + bytes(99), "of the kind JPEG XL. Save it as PNG"),
        (b"just words", "Use PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF."),
    ],
)
def test_a_file_of_another_kind_is_named(data: bytes, words: str) -> None:
    with pytest.raises(AppError) as refused:
        take_in(data, name="it.png")
    assert words in refused.value.report.next_step.english()


def test_what_an_installation_lacks_is_named() -> None:
    """Pillow can be built without AVIF, and HEIC is a package of its own."""
    avif = encoded(pattern(), "AVIF")
    assert "without AVIF" in advice_for(avif, ("PNG", "HEIF")).english()
    heic = b"\0\0\0\x18ftypheic" + bytes(99)
    assert "pillow-heif" in advice_for(heic, ("PNG", "AVIF")).english()
    assert "of the kind HEIC" in advice_for(heic, ("PNG", "HEIF")).english()


def test_formats_that_open_other_files_are_not_among_those_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"EPS", "WMF", "PDF", "MPEG", "FITS"} & set(formats_here())
    monkeypatch.setattr("PIL.features.check", lambda feature: False)
    assert "AVIF" not in formats_here()


def test_lossless_webp_stays_lossless() -> None:
    taken = take_in(encoded(pattern(), "WEBP", lossless=True))
    assert taken.part.media_type == "image/png"
    assert opened(taken.data).tobytes() == pattern().tobytes()


def test_heic_where_the_plug_in_is() -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    assert corners(take_in(encoded(pattern(), "HEIF", quality=100)).data) == [RED, GREEN, BLUE]


@pytest.mark.parametrize(
    ("orientation", "first", "size"),
    [
        (1, RED, (40, 30)),
        (2, GREEN, (40, 30)),
        (3, (255, 255, 255), (40, 30)),
        (6, BLUE, (30, 40)),
        (8, GREEN, (30, 40)),
    ],
)
def test_the_camera_s_rotation_is_honoured_and_all_metadata_dropped(
    orientation: int, first: tuple[int, ...], size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = orientation, "someone"
    exif.get_ifd(0x8825)[1] = "N"
    taken = take_in(encoded(pattern(), "JPEG", exif=exif, comment=b"secret", quality=95))
    assert (taken.part.width, taken.part.height) == size
    assert corners(taken.data)[0] == first
    assert dict(opened(taken.data).getexif()) == {}
    assert b"someone" not in taken.data
    assert b"secret" not in taken.data


def test_png_text_and_colour_profiles_are_dropped() -> None:
    from PIL import ImageCms
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Author", "someone")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    taken = take_in(encoded(pattern(), "PNG", pnginfo=info, icc_profile=profile))
    assert opened(taken.data).info == {}
    assert corners(taken.data) == [RED, GREEN, BLUE]


def test_a_broken_profile_is_no_reason_to_refuse() -> None:
    taken = take_in(encoded(pattern(), "PNG", icc_profile=b"not a profile"))
    assert corners(taken.data) == [RED, GREEN, BLUE]


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(format_: str) -> None:
    ramp = np.array([[0, 0x4000, 0x8000, 0xFFFF]], dtype=np.uint16)
    image = opened(take_in(encoded(Image.fromarray(ramp), format_)).data)
    assert image.mode == "L"
    assert [image.getpixel((x, 0)) for x in range(4)] == pytest.approx([0, 64, 128, 255], abs=1)


def test_floating_point_is_scaled_by_its_extremes() -> None:
    ramp = Image.fromarray(np.array([[-1.0, 0.0, 1.0]], dtype=np.float32))
    image = opened(take_in(encoded(ramp, "TIFF")).data)
    assert [image.getpixel((x, 0)) for x in range(3)] == pytest.approx([0, 127, 255], abs=1)


def test_cmyk_becomes_rgb() -> None:
    taken = take_in(encoded(pattern(mode="CMYK"), "JPEG", quality=95))
    assert opened(taken.data).mode == "RGB"
    assert corners(taken.data) == [RED, GREEN, BLUE]


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 32)])
def test_what_is_transparent_gets_a_ground_that_the_drawing_stands_out_from(ink: int, ground: int) -> None:
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((ink, ink, ink, 255), (5, 5, 15, 15))
    found = opened(take_in(encoded(image)).data)
    assert found.mode == "RGB"
    assert found.getpixel((10, 10)) == (ink, ink, ink)
    assert found.getpixel((0, 0)) == (ground, ground, ground)


def test_a_transparent_colour_of_a_palette() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 10, 10, 10])
    image.putpixel((1, 1), 1)
    found = opened(take_in(encoded(image, "PNG", transparency=0)).data)
    assert found.getpixel((0, 0)) == (255, 255, 255)
    assert found.getpixel((1, 1)) == (10, 10, 10)


def test_the_first_frame_stands_for_an_animation() -> None:
    frames = [pattern(), Image.new("RGB", (40, 30), "black"), Image.new("RGB", (40, 30), "white")]
    taken = take_in(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50))
    assert corners(taken.data) == [RED, GREEN, BLUE]
    assert getattr(opened(taken.data), "n_frames", 1) == 1


def test_one_pixel_is_an_image() -> None:
    part = take_in(encoded(Image.new("1", (1, 1)))).part
    assert (part.width, part.height) == (1, 1)


def test_content_counts_not_the_ending(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(pattern(), "JPEG"))
    part = take_in(tmp_path / "a.png").part
    assert (part.media_type, part.name) == ("image/jpeg", "a.png")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../etc/x.png", "x.png"), ("C:\\a\\b.png", "b.png"), ("a\nb\t.png", "a b .png"), ("", "image")],
)
def test_names_are_one_line_without_folders(name: str, shown: str) -> None:
    assert take_in(encoded(pattern()), name=name).part.name == shown


def test_long_names_keep_both_ends() -> None:
    name = take_in(encoded(pattern()), name=f"start{'x' * 500}-end.png").part.name
    assert len(name) <= MAX_NAME_CHARACTERS
    assert name.startswith("start")
    assert name.endswith("-end.png")


def _refusal(source: Path | bytes) -> str:
    with pytest.raises(AppError) as refused:
        take_in(source, name="it.png")
    report = refused.value.report
    assert report.code is ErrorCode.BAD_INPUT
    assert report.next_step.english()
    assert report.cause.english().startswith(("it.png", "There is no file"))
    return report.cause.english()


@pytest.mark.parametrize("size", [(12_000, 12_000), (60_000, 60_000), (100_000_001, 1)])
def test_a_bomb_is_refused_by_its_pixels_before_anything_is_decoded(size: tuple[int, int]) -> None:
    assert "too many pixels" in _refusal(png_with_head(*size))


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autoglm_desktop.assistant.image_intake.MAX_IMAGE_FILE_BYTES", 1 << 20)
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG")
    with large.open("r+b") as file:
        file.truncate(2 << 20)
    assert "too large: 2 MiB; up to 1 MiB" in _refusal(large)
    assert "too large" in _refusal(large.read_bytes())
    assert limits.MAX_IMAGE_FILE_BYTES == 64 << 20


_PNG, _JPEG = encoded(pattern((400, 300))), encoded(pattern((400, 300)), "JPEG")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (_PNG[: len(_PNG) // 2], "damaged or cut short"),
        (_PNG[:20], "damaged or cut short"),
        (_JPEG[: len(_JPEG) // 2], "damaged or cut short"),
        (png_with_head(300, 300), "damaged or cut short"),
    ],
)
def test_what_is_no_whole_image_is_refused(data: bytes, words: str) -> None:
    assert words in _refusal(data)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "folder" in _refusal(tmp_path)
    assert "no file" in _refusal(tmp_path / "absent.png")
    assert "not a file" in _refusal(Path("/dev/zero"))
    with pytest.raises(AppError):
        take_in(Path("a\0b"))
