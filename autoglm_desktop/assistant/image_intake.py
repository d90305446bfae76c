"""An image from outside, made into one that is kept: checked before it is decoded, upright, free of metadata.

What the file calls itself does not count, its content does. Pixels are kept in 8 bits of grey or RGB: 16 bits are
scaled down, other colour spaces become sRGB, a first frame stands for an animation, and transparent parts get a
background that what is drawn on them stands out from. The same file always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import threading
import warnings
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.limits import MAX_IMAGE_FILE_BYTES, MAX_IMAGE_PIXELS
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.store.text import clean

from .image_kinds import advice_for, formats_here

if TYPE_CHECKING:
    from PIL import Image

MAX_NAME_CHARACTERS = 120
JPEG_QUALITY = 92
_LOSSY = ("JPEG", "MPO", "HEIF", "AVIF")
_JPEG_MAX_SIDE = 65_500  # https://www.w3.org/Graphics/JPEG/itu-t81.pdf, table B.2: 16 bits
_LARGE_PIXELS = 4_000_000
_LIGHT = 160.0  # mean grey of what is drawn, from which on a dark background serves it better
_DARK_GREY = 32

_ready = threading.Lock()
_formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TakenIn:
    """An image to be kept: its bytes, and the part of a message that names it."""

    part: ImagePart
    data: bytes


def take_in(source: Path | bytes, *, name: str = "", max_pixels: int = MAX_IMAGE_PIXELS) -> TakenIn:
    """Check, decode and encode again. Takes up to a second for a photograph, more for the largest.

    Raises AppError BAD_INPUT: no file, a folder, empty, too large in bytes or pixels, no image, damaged.
    """
    shown = _name(name or (source.name if isinstance(source, Path) else ""))
    data = _read(source, shown) if isinstance(source, Path) else source
    if not data:
        raise _refused(msg("{name} is empty.", name=shown), _ANOTHER)
    if len(data) > MAX_IMAGE_FILE_BYTES:
        raise _too_large(shown, len(data))
    image, lossy = _decoded(data, shown, max_pixels)
    encoded, media_type = _encoded(image, lossy=lossy)
    part = ImagePart(hashlib.sha256(encoded).hexdigest(), media_type, image.width, image.height, shown)
    return TakenIn(part, encoded)


def is_sound(data: bytes, media_type: str, width: int, height: int) -> bool:
    """Whether stored bytes are what a part says of them, by their head: for what comes out of an import."""
    from PIL import Image

    expected = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}.get(media_type)
    if expected is None or not 0 < width * height <= MAX_IMAGE_PIXELS:
        return False
    _set_up()
    try:
        with Image.open(io.BytesIO(data), formats=(expected,)) as image:
            return image.size == (width, height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False


def _read(path: Path, shown: str) -> bytes:
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise _refused(
                msg("{name} is a folder.", name=shown), msg("Choose images, not the folder that holds them.")
            )
        if not stat.S_ISREG(kind.st_mode):
            raise _refused(msg("{name} is not a file.", name=shown), _ANOTHER)
        if kind.st_size > MAX_IMAGE_FILE_BYTES:
            raise _too_large(shown, kind.st_size)
        with path.open("rb") as file:
            return file.read(MAX_IMAGE_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise _refused(msg("There is no file {name}.", name=str(path)), _ANOTHER) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _refused(
            msg("{name} cannot be read.", name=shown), msg("Check that the file may be read, then try again."), error
        ) from error


def _decoded(data: bytes, shown: str, max_pixels: int) -> tuple[Image.Image, bool]:
    """The image, upright, in mode L or RGB, and whether its format was a lossy one."""
    from PIL import Image, UnidentifiedImageError

    formats = _set_up()
    try:
        with Image.open(io.BytesIO(data), formats=formats) as opened:
            if opened.width * opened.height > max_pixels:
                raise _too_many_pixels(shown, f"{opened.width} × {opened.height}", max_pixels)
            lossy = opened.format in _LOSSY or (opened.format == "WEBP" and b"VP8 " in data[:64])
            opened.seek(0)
            opened.load()
            return _plain(_upright(opened)), lossy
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(shown, "", max_pixels) from error
    except UnidentifiedImageError as error:
        raise _refused(
            msg("{name} is not an image that can be read here.", name=shown),
            advice_for(data, formats),
            error,
        ) from error
    except MemoryError as error:
        raise _refused(
            msg("There is not enough memory to open {name}.", name=shown),
            msg("Make it smaller, then try again."),
            error,
        ) from error
    except AppError:
        raise
    except Exception as error:  # readers of a dozen formats raise what they like over damage
        raise _refused(
            msg("{name} is damaged or cut short.", name=shown), msg("Get the file again, or use another one."), error
        ) from error


def _set_up() -> tuple[str, ...]:
    """Pillow's own guard set to our limit; returns the formats that are read."""
    global _formats  # noqa: PLW0603 - Pillow's registry is one per process, too
    with _ready:
        if _formats is None:
            from PIL import Image

            Image.MAX_IMAGE_PIXELS = MAX_IMAGE_PIXELS
            warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
            _formats = formats_here()
        return _formats


def _upright(image: Image.Image) -> Image.Image:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, struct.error):
        return image  # a broken EXIF block must not cost the image


def _plain(image: Image.Image) -> Image.Image:
    """Mode L or RGB, 8 bits, sRGB, opaque, without anything beside the pixels."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return image.convert("L")
    if image.has_transparency_data:
        return _on_background(image.convert("RGBA"))
    return _in_srgb(image, profile) if profile else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 bits by their upper half; a wider range (float TIFF) by its extremes. Pillow's own conversion clips."""
    wide = image if image.mode in ("I", "F") else image.convert("I")
    low, high = wide.getextrema()
    if not (isinstance(low, (int, float)) and isinstance(high, (int, float)) and isfinite(low) and isfinite(high)):
        return wide.convert("L")
    if image.mode != "F" and low >= 0 and high <= 0xFFFF:
        low, high = 0, 0xFFFF
    scale = 255.0 / (high - low) if high > low else 0.0
    return wide.point(lambda value: value * scale + (-low * scale)).convert("L")


def _on_background(image: Image.Image) -> Image.Image:
    """On white, or on dark grey where what is visible is light."""
    from PIL import Image, ImageStat

    alpha = image.getchannel("A")
    visible = ImageStat.Stat(image.convert("L"), alpha.point(lambda value: 255 if value > 127 else 0))
    drawn = bool(visible.count[0])
    transparent = alpha.getextrema()[0]
    light = drawn and transparent != 255 and visible.mean[0] > _LIGHT
    ground = Image.new("RGBA", image.size, (_DARK_GREY,) * 3 + (255,) if light else (255, 255, 255, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms

    try:
        source: Any = ImageCms.getOpenProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        assert converted is not None, "it is not done in place"
        return converted
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # a broken profile is no reason to refuse
        return image.convert("RGB")


def _encoded(image: Image.Image, *, lossy: bool) -> tuple[bytes, str]:
    """PNG, or JPEG where the source had lost something already."""
    from PIL import Image

    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    out = io.BytesIO()
    if lossy and max(bare.size) <= _JPEG_MAX_SIDE:
        bare.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return out.getvalue(), "image/jpeg"
    bare.save(out, "PNG", compress_level=1 if bare.width * bare.height > _LARGE_PIXELS else 6)
    return out.getvalue(), "image/png"


def _name(name: str) -> str:
    """One line without folders, bounded; a word for what has none."""
    line = " ".join(clean(name).replace("\\", "/").rsplit("/", 1)[-1].split())
    if len(line) > MAX_NAME_CHARACTERS:
        line = f"{line[: MAX_NAME_CHARACTERS - 12]}…{line[-11:]}"
    return line or "image"


_ANOTHER = msg("Choose another file.")


def _refused(cause: Text, next_step: Text, error: BaseException | None = None) -> AppError:
    details = f"{type(error).__name__}: {error}" if error is not None else ""
    return AppError(ErrorCode.BAD_INPUT, cause, next_step, details=details)


def _too_large(name: str, size_bytes: int) -> AppError:
    return _refused(
        msg(
            "{name} is too large: {size:.0f} MiB; up to {limit} MiB are taken in.",
            name=name,
            size=size_bytes / 2**20,
            limit=MAX_IMAGE_FILE_BYTES >> 20,
        ),
        msg("Make it smaller, then try again."),
    )


def _too_many_pixels(name: str, size: str, max_pixels: int) -> AppError:
    limit = max_pixels // 1_000_000
    return _refused(
        msg("{name} has too many pixels ({size}); up to {limit} million are opened.", name=name, size=size, limit=limit)
        if size
        else msg("{name} has too many pixels; up to {limit} million are opened.", name=name, limit=limit),
        msg("Make it smaller, then try again."),
    )
