"""Images as they leave the machine: the pixels and nothing else."""

from __future__ import annotations

import base64
import io

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

JPEG_QUALITY = 92


def data_url(data: bytes) -> str:
    """The image as a ``data:`` URL, encoded anew from its pixels: no EXIF, place, name, comment or profile goes along.

    JPEG stays JPEG, everything else becomes PNG. The EXIF rotation is applied before it is dropped. Raises AppError
    BAD_INPUT for what is no image.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as opened:
            is_jpeg = opened.format == "JPEG"
            upright = ImageOps.exif_transpose(opened)
            pixels = upright.convert("RGB" if is_jpeg or "A" not in upright.getbands() else "RGBA")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("The image could not be read."),
            msg("Attach it again, or send the message without it."),
            details=str(error),
        ) from error
    pixels.info = {}
    out = io.BytesIO()
    if is_jpeg:
        pixels.save(out, "JPEG", quality=JPEG_QUALITY)
    else:
        pixels.save(out, "PNG")
    kind = "jpeg" if is_jpeg else "png"
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"
