"""An image file as pixels for the reader: bounded, upright, 8-bit RGB."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.limits import MAX_IMAGE_PIXELS

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""The assistant hands on PNG and JPEG; other forms become these before."""
_AGAIN = msg("Get the file again, or use another one.")


def open_picture(path: Path) -> Image.Image:
    """The first frame of a file, upright, in mode RGB. Transparent parts are white.

    The size is looked at before anything is decoded. Raises AppError BAD_INPUT: no such file, empty, not an image,
    damaged, too many pixels.
    """
    try:
        if path.stat().st_size == 0:
            raise _refused(msg("{name} is empty.", name=path.name), _AGAIN)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is ours
            with Image.open(path, formats=_FORMATS) as opened:
                if opened.width * opened.height > MAX_IMAGE_PIXELS:
                    raise _too_large(path)
                return _plain(ImageOps.exif_transpose(opened))
    except AppError:
        raise
    except FileNotFoundError as error:
        raise _refused(msg("There is no file {name}.", name=str(path)), msg("Choose another file."), error) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        cause = msg("{name} is not an image that can be read here.", name=path.name)
        raise _refused(cause, msg("Use PNG, JPEG, WebP, GIF, BMP or TIFF."), error) from error
    except MemoryError as error:
        cause = msg("There is not enough memory to open {name}.", name=path.name)
        raise _refused(cause, msg("Make it smaller, then try again."), error) from error
    except Exception as error:  # readers of a dozen formats raise what they like over damage
        raise _refused(msg("{name} is damaged or cut short.", name=path.name), _AGAIN, error) from error


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips what is above 255
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")


def _too_large(path: Path) -> AppError:
    limit = MAX_IMAGE_PIXELS // 1_000_000
    return _refused(
        msg("{name} has too many pixels; up to {limit} million are opened.", name=path.name, limit=limit),
        msg("Make it smaller, then try again."),
    )


def _refused(cause: Text, next_step: Text, error: Exception | None = None) -> AppError:
    return AppError(ErrorCode.BAD_INPUT, cause, next_step, details="" if error is None else repr(error))
